package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"slowmo/pkg/component"
)

func version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the release of Kubernetes whose behaviour this has",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "Kubernetes", component.Version)
			return err
		},
	}
}
