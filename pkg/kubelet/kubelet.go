// Package kubelet runs the pods that are bound to this node.
//
// Run wires the parts together and blocks until its context ends; no container
// is stopped by that. The parts, each a package of its own below this one:
//
//	node      the Node and its Lease: register, report, heartbeat
//	pods      a worker for each pod: from what it is to what it should be
//	plan      the worker's decisions, pure
//	status    a pod's status: computed, and written
//	spec      from a pod's spec to what the runtime is asked to run
//	cri       the container runtime, and its events
//	images    pulls, and the removal of unused images
//	volume    pods' volumes; objects: the ConfigMaps and Secrets in them
//	probe     liveness, readiness, startup
//	logs      containers' logs: read, follow, rotate
//	server    what others ask a kubelet: logs, exec, attach, port-forward, stats
//	cgroup    the cgroups above the containers'
//	fake      a runtime without containers, for tests of scale
//
// The kubelet and the API server meet over HTTP only, so either can be upstream's.
// https://kubernetes.io/docs/concepts/architecture/#kubelet
package kubelet

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/component"
	"slowmo/pkg/kubelet/cgroup"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/fake"
	"slowmo/pkg/kubelet/images"
	"slowmo/pkg/kubelet/logs"
	"slowmo/pkg/kubelet/node"
	"slowmo/pkg/kubelet/pods"
	"slowmo/pkg/kubelet/spec"
	"slowmo/pkg/kubelet/volume"
	"slowmo/pkg/network"
)

// rotateInterval is how often the sizes of logs are looked at.
const rotateInterval = 10 * time.Second

// Run is a kubelet from its command line to its end.
func Run(ctx context.Context, args []string) error {
	flags := component.NewFlags("kubelet", "runs the pods that are bound to this node")
	config := NewConfig()
	config.AddTo(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := config.load(flags.FlagSet); err != nil {
		return err
	}
	if err := config.complete(); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return err
	}
	if err := config.bootstrap(ctx, flags.Kubeconfig); err != nil {
		return err
	}
	client, err := flags.ClientConfig()
	if err != nil {
		return err
	}
	if config.Runtime == "fake" {
		return runFake(ctx, config, client)
	}
	return runReal(ctx, config, client)
}

// gcPercent trades a little CPU for memory: the heap is small, and what a kubelet
// holds is taken from the pods.
const gcPercent = 50

// runReal is a kubelet on a container runtime.
func runReal(ctx context.Context, c *Config, rc *rest.Config) error {
	debug.SetGCPercent(gcPercent)
	runtime, err := cri.Dial(c.RuntimeEndpoint, component.Registry)
	if err != nil {
		return component.Usagef("--container-runtime-endpoint: %w", err)
	}
	defer runtime.Close()
	if err := c.makeDirs(); err != nil {
		return err
	}
	cgroups, err := cgroup.New(c.CgroupRoot, driver(ctx, c, runtime))
	if err != nil {
		return err
	}
	all, err := newShared(ctx, c, rc)
	if err != nil {
		return err
	}
	k, err := all.newHost(runtime, cgroups)
	if err != nil {
		return err
	}
	server, err := newServer(c, rc, all, k, runtime)
	if err != nil {
		return err
	}
	if err := cgroups.Enforce(k.node.Allocatable()); err != nil {
		slog.WarnContext(ctx, "pods as a whole are not limited to what is allocatable", "err", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return all.run(ctx) })
	group.Go(func() error { return k.run(ctx) })
	group.Go(func() error { return server.run(ctx) })
	group.Go(func() error {
		(&logs.Rotator{Runtime: runtime, MaxSize: c.LogMaxSize, MaxFiles: c.LogMaxFiles, Interval: rotateInterval}).Run(ctx)
		return nil
	})
	group.Go(func() error {
		collector := images.NewCollector(runtime)
		collector.High, collector.Low = c.ImageGCHigh, c.ImageGCLow
		collector.Run(ctx)
		return nil
	})
	return group.Wait()
}

func (c *Config) makeDirs() error {
	if err := os.MkdirAll(c.RootDir, 0o750); err != nil {
		return fmt.Errorf("--root-dir: %w", err)
	}
	if c.ContainerLogs == "" {
		return nil
	}
	if err := os.MkdirAll(c.ContainerLogs, 0o755); err != nil {
		return fmt.Errorf("--container-logs-dir: %w", err)
	}
	return nil
}

// newHost is the node that this host is.
func (s *shared) newHost(runtime cri.Runtime, cgroups *cgroup.Manager) (*instance, error) {
	c := s.config
	facts, err := node.ReadFacts(c.RootDir)
	if err != nil {
		return nil, err
	}
	host, err := c.newSpec(cgroups)
	if err != nil {
		return nil, err
	}
	if host.SandboxProfile, err = spec.WriteSandboxProfile(host.SeccompDir); err != nil {
		return nil, err
	}
	addresses, err := c.addresses()
	if err != nil {
		return nil, err
	}
	p := platform{
		name: c.NodeName, runtime: runtime, facts: facts, spec: host,
		pressures: func() node.Pressures { return node.Measure(c.RootDir) },
		volumes: func(allocatable func() v1.ResourceList) volumeSource {
			m := volume.NewManager(c.RootDir, s.objects, volume.APITokens{Client: s.client.CoreV1()},
				&volume.Node{Name: c.NodeName, HostIPs: texts(addresses), Allocatable: allocatable})
			return volumeSource{
				pod:    func(uid types.UID) pods.Volumes { return m.Pod(uid) },
				known:  m.Pods,
				podDir: m.PodDir,
			}
		},
	}
	if c.CNIConfDir != "" {
		p.configure = c.writeCNI
	}
	return s.newInstance(p)
}

// driver is who makes cgroups: what was set, or what the runtime says, or
// cgroupfs: runtimes that do not say are older than systemd as their default.
func driver(ctx context.Context, c *Config, runtime cri.Runtime) cgroup.Driver {
	if c.CgroupDriver != "" {
		return cgroup.Driver(c.CgroupDriver)
	}
	answer, err := runtime.RuntimeConfig(ctx, &runtimeapi.RuntimeConfigRequest{})
	if err == nil && answer.GetLinux() != nil && answer.GetLinux().CgroupDriver == runtimeapi.CgroupDriver_SYSTEMD {
		return cgroup.Systemd
	}
	return cgroup.Cgroupfs
}

// writeCNI makes the pod network.
func (c *Config) writeCNI(subnets []netip.Prefix) error {
	changed, err := network.WriteCNI(c.CNIConfDir, network.Bridge{
		Name: c.Bridge, Subnets: subnets, DataDir: filepath.Join(c.RootDir, "cni"),
	})
	if changed {
		slog.Info("wrote the pod network's CNI configuration", "dir", c.CNIConfDir, "subnets", subnets)
	}
	return err
}

// runFake is any number of nodes without containers.
func runFake(ctx context.Context, c *Config, rc *rest.Config) error {
	c.PodLogsDir, c.ContainerLogs = "", ""
	cgroups, err := cgroup.New("", cgroup.Cgroupfs)
	if err != nil {
		return err
	}
	host, err := c.newSpec(cgroups)
	if err != nil {
		return err
	}
	all, err := newShared(ctx, c, rc)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return all.run(ctx) })
	for i := range c.FakeNodes {
		name := c.NodeName
		if c.FakeNodes > 1 {
			name = fmt.Sprintf("%s-%d", c.NodeName, i)
		}
		k, err := all.newInstance(platform{
			name: name, runtime: fake.New(i), facts: fake.Facts(), spec: host,
			volumes: func(func() v1.ResourceList) volumeSource {
				return volumeSource{
					pod:    func(types.UID) pods.Volumes { return fake.Volumes{} },
					known:  func() ([]types.UID, error) { return nil, nil },
					podDir: func(types.UID) string { return "" },
				}
			},
		})
		if err != nil {
			return err
		}
		group.Go(func() error { return k.run(ctx) })
	}
	group.Go(func() error { return serveHealthz(ctx, c) })
	return group.Wait()
}
