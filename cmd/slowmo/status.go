package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"slowmo/pkg/cluster"
)

func status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the cluster's processes; exit code 1 if one is not running",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := paths(cmd)
			if err != nil {
				return err
			}
			processes, err := cluster.Status(paths)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "NAME\tSTATUS\tPID\tRESTARTS\tAGE\tMEMORY\tLOG")
			var dead []string
			for _, p := range processes {
				state, memory := "Running", fmt.Sprintf("%.1f MiB", float64(p.Resident)/(1<<20))
				if !p.Running {
					state, memory = "Dead", "-"
					dead = append(dead, p.Name)
				}
				fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\n", p.Name, state, p.PID, p.Restarts,
					duration.HumanDuration(time.Since(p.Since)), memory, p.Log)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if len(dead) > 0 {
				return fmt.Errorf("not running: %v; slowmo up starts what is missing", dead)
			}
			return nil
		},
	}
}
