package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"

	"slowmo/pkg/cluster"
)

func up() *cobra.Command {
	var foreground bool
	var auditLog string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster, or wait for the one that is starting",
		Long: `Up starts every process of a cluster under one supervisor, and returns when the
node is ready. A cluster that is up already is left as it is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := paths(cmd)
			if err != nil {
				return err
			}
			progress := newProgress(cmd.OutOrStdout())
			if foreground {
				return superviseHere(cmd.Context(), paths, auditLog, progress.report)
			}
			if err := startSupervisor(paths, auditLog); errors.Is(err, cluster.ErrClaimed) {
				progress.quiet()
			} else if err != nil {
				return err
			}
			err = cluster.Follow(cmd.Context(), paths, progress.report)
			if cmd.Context().Err() != nil {
				return errors.New("interrupted; the cluster goes on starting: slowmo up waits for it, slowmo down stops it")
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "export KUBECONFIG=%s\n", paths.Kubeconfig("admin"))
			return nil
		},
	}
	auditLogFlag(cmd, &auditLog)
	cmd.Flags().BoolVar(&foreground, "foreground", false, "supervise in this process, until it is told to stop")
	return cmd
}

func auditLogFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "audit-log-path", "", "file the API server writes an audit log to; empty writes none")
}

// superviseHere runs the cluster until ctx ends.
func superviseHere(ctx context.Context, paths cluster.Paths, auditLog string, report func(cluster.Event)) error {
	if os.Geteuid() != 0 {
		return cluster.ErrNotRoot
	}
	claim, err := cluster.NewClaim(paths)
	if err != nil {
		return err
	}
	return run(ctx, paths, claim, auditLog, report)
}

// run runs the cluster with a claim on it.
func run(ctx context.Context, paths cluster.Paths, claim *cluster.Claim, auditLog string, report func(cluster.Event)) error {
	config, err := cluster.NewConfig(paths)
	if err != nil {
		return errors.Join(err, claim.Close())
	}
	config.AuditLog = auditLog
	return cluster.New(config).Run(ctx, claim, report)
}

// startSupervisor starts the supervisor in a session of its own, with its output
// in its log. It fails with cluster.ErrClaimed when there is one.
func startSupervisor(paths cluster.Paths, auditLog string) error {
	if os.Geteuid() != 0 {
		return cluster.ErrNotRoot
	}
	claim, err := cluster.NewClaim(paths)
	if err != nil {
		return err
	}
	defer claim.Close()
	log, err := cluster.OpenLog(paths.Log("supervisor"))
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "supervise", "--root", paths.Root, "--audit-log-path", auditLog)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.ExtraFiles, err = claim.Files(); err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// supervise is what startSupervisor runs.
func supervise() *cobra.Command {
	var auditLog string
	cmd := &cobra.Command{
		Use:    "supervise",
		Short:  "Supervise the cluster with a claim inherited from up",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := paths(cmd)
			if err != nil {
				return err
			}
			claim, err := cluster.InheritClaim()
			if err != nil {
				return err
			}
			return run(cmd.Context(), paths, claim, auditLog, newLog(cmd.OutOrStdout()))
		},
	}
	auditLogFlag(cmd, &auditLog)
	return cmd
}
