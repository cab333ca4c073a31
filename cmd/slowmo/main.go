// Command slowmo runs a whole Kubernetes on this machine and takes it away
// again.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"slowmo/pkg/cluster"
	"slowmo/pkg/component"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "slowmo:", err)
		stop()
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "slowmo",
		Short:         "Kubernetes in slow motion: a whole cluster on this machine",
		Version:       component.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	home := os.Getenv("SLOWMO_HOME")
	if home == "" {
		home = cluster.DefaultRoot
	}
	root.PersistentFlags().String("root", home, "folder of the cluster's data, certificates and logs; also $SLOWMO_HOME")
	root.AddCommand(up(), supervise(), down(), status(), hello(), version())
	return root
}

// paths reads --root.
func paths(cmd *cobra.Command) (cluster.Paths, error) {
	root, err := cmd.Flags().GetString("root")
	if err != nil {
		return cluster.Paths{}, err
	}
	return cluster.NewPaths(root)
}
