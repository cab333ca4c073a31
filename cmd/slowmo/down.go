package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"slowmo/pkg/cluster"
)

func down() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster and remove everything that ran, even after a crash",
		Long: `Down leaves no process, container, mount, network namespace, link, nft table or
cgroup of the cluster. What it stored stays for the next up, unless --purge is given.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := paths(cmd)
			if err != nil {
				return err
			}
			config, err := cluster.NewConfig(paths)
			if err != nil {
				return err
			}
			progress := newProgress(cmd.OutOrStdout())
			if err := cluster.Down(cmd.Context(), config, purge, progress.report); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The cluster is down.")
			return nil
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "also remove the stored objects, images, certificates and logs")
	return cmd
}
