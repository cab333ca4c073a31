package proxy

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"slowmo/pkg/component"
)

// Main is the process: kube-proxy's flags in args, health on port 10256, metrics on 10249. It blocks until ctx
// ends; with --cleanup it removes what a proxy left behind and returns.
func Main(ctx context.Context, args []string) error {
	flags := component.NewFlags("kube-proxy", "makes Services reachable on this node by nftables rules")
	config := NewConfig()
	path := flags.String("config", "", "KubeProxyConfiguration file; where it sets what a flag sets, it wins")
	cleanup := flags.Bool("cleanup", false, "remove all rules that a proxy left behind, and exit")
	ranges := flags.String("cluster-cidr", "", "what pods have their addresses from, such as 10.244.0.0/16; one a family, separated by commas")
	external := flags.String("slowmo-external-ips", "", "ranges that Services may name external addresses of, separated by commas; empty allows none")
	flags.StringVar(&config.Mode, "proxy-mode", config.Mode, "how packets are led: nftables")
	flags.StringVar(&config.NodeName, "hostname-override", "", "the node's name; empty means the host name")
	flags.StringVar(&config.HealthAddress, "healthz-bind-address", config.HealthAddress, "host:port to serve /healthz on; empty serves nothing")
	flags.StringVar(&config.MetricsAddress, "metrics-bind-address", config.MetricsAddress, "host:port to serve /metrics on; empty serves nothing")
	flags.DurationVar(&config.SyncPeriod, "nftables-sync-period", config.SyncPeriod, "how often to check that nobody else changed the rules")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *cleanup {
		return Cleanup(ctx)
	}
	var err error
	if config.PodRanges, err = parseRanges(*ranges); err != nil {
		return component.Usagef("--cluster-cidr: %w", err)
	}
	if config.ExternalIPs, err = parseRanges(*external); err != nil {
		return component.Usagef("--slowmo-external-ips: %w", err)
	}
	if *path != "" {
		if err := config.Load(*path); err != nil {
			return component.Usagef("--config: %w", err)
		}
	}
	if err := config.Complete(); err != nil {
		return &component.UsageError{Err: err}
	}
	if flags.Kubeconfig == "" {
		flags.Kubeconfig = config.Kubeconfig
	}
	rest, err := flags.ClientConfig()
	if err != nil {
		return err
	}
	return config.run(ctx, rest)
}

// run starts what the process consists of, and waits for all of it.
func (c Config) run(ctx context.Context, rest *rest.Config) error {
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	p, err := New(c, client)
	if err != nil {
		return err
	}
	if err := component.Registry.Register(p); err != nil {
		return err
	}
	defer component.Registry.Unregister(p)
	health, err := serve(c.HealthAddress, "--healthz-bind-address", p.healthHandler())
	if err != nil {
		return err
	}
	metrics, err := serve(c.MetricsAddress, "--metrics-bind-address", p.metricsHandler())
	if err != nil {
		return err
	}
	reports, err := component.NewReports(ctx, client)
	if err != nil {
		return err
	}
	defer reports.Shutdown()
	node := &v1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: c.NodeName}
	reports.Recorder("kube-proxy").Eventf(node, nil, v1.EventTypeNormal, "Starting", "StartKubeProxy", "")

	all, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{health, metrics, p.Run} {
		all.Go(func() error { return run(ctx) })
	}
	return all.Wait()
}
