package scheduler

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"slowmo/pkg/component"
)

// Main is the process: kube-scheduler's flags in args, serving on port 10259, one of several by
// election. It blocks until ctx ends or the lease is lost.
func Main(ctx context.Context, args []string) error {
	flags := component.NewFlags("kube-scheduler", "binds pending pods to nodes")
	config, serving := NewConfig(), component.NewServing("kube-scheduler", 10259)
	path := flags.String("config", "", "KubeSchedulerConfiguration file; where it sets what a flag sets, it wins")
	config.Election.AddTo(flags)
	serving.AddTo(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path != "" {
		if err := config.Load(*path); err != nil {
			return component.Usagef("--config: %w", err)
		}
	}
	if err := config.Validate(); err != nil {
		return &component.UsageError{Err: err}
	}
	if flags.Kubeconfig == "" {
		flags.Kubeconfig = config.Kubeconfig
	}
	rest, err := flags.ClientConfig()
	if err != nil {
		return err
	}
	return config.run(ctx, serving, rest)
}

// run starts what the process consists of, and waits for all of it.
func (c Config) run(ctx context.Context, serving *component.Serving, rest *rest.Config) error {
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	reports, err := component.NewReports(ctx, client)
	if err != nil {
		return err
	}
	defer reports.Shutdown()
	s := New(c, client, reports.Recorder(c.SchedulerName))
	if err := component.Registry.Register(s); err != nil {
		return err
	}
	defer component.Registry.Unregister(s)
	serving.Ready = append(serving.Ready, component.Check{Name: "informer-sync", Run: s.Known})
	listener, err := serving.Listen()
	if err != nil {
		return err
	}
	events := component.NewEvents(ctx, client)
	defer events.Shutdown()

	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return serving.Serve(ctx, listener, rest) })
	all.Go(func() error { return s.Follow(ctx) })
	all.Go(func() error { return c.Election.Run(ctx, client, events.Recorder(c.SchedulerName, ""), s.Lead) })
	if err := all.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
