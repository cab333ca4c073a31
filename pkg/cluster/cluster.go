package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slowmo/pkg/image"
)

// Config is what a cluster is started with.
type Config struct {
	Paths
	// Bin is the folder of the components' programs.
	Bin string
	// PodCIDR and ServiceCIDR are the cluster's address ranges.
	PodCIDR     string
	ServiceCIDR string
	// AuditLog is the file the API server writes an audit log to; empty for none.
	AuditLog string
}

// NewConfig returns the defaults: the programs that lie beside this one, and
// the ranges that most clusters have.
func NewConfig(paths Paths) (Config, error) {
	self, err := os.Executable()
	return Config{
		Paths:       paths,
		Bin:         filepath.Dir(self),
		PodCIDR:     "10.244.0.0/16",
		ServiceCIDR: "10.96.0.0/16",
	}, err
}

// Cluster is a cluster's processes on this machine.
type Cluster struct {
	config  Config
	host    Host // set by the first step
	journal *journal
	report  func(Event) // also reaches journal
}

// New makes a cluster that has yet to run.
func New(config Config) *Cluster {
	return &Cluster{config: config, journal: newJournal()}
}

// Run starts the cluster and keeps its processes running until ctx ends; then
// it stops them and leaves the containers alone. report hears of each step; it
// must be safe for concurrent use. The claim is given up in the end.
func (c *Cluster) Run(ctx context.Context, claim *Claim, report func(Event)) error {
	c.report = func(e Event) {
		report(e)
		c.journal.add(e)
	}
	serving, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	var served sync.WaitGroup
	served.Go(func() { c.journal.serve(serving, claim.listen) })
	defer func() {
		hangUp()
		served.Wait()
		claim.Close()
	}()

	begin := time.Now()
	supervisor, err := c.takeOver()
	if err != nil {
		c.report(Event{Step: ClusterStep, Kind: Failed, Text: err.Error()})
		return err
	}
	defer supervisor.stop()
	if err := c.start(ctx, supervisor); err != nil {
		supervisor.stop()
		c.report(Event{Step: ClusterStep, Kind: Failed, Text: err.Error()})
		return err
	}
	c.report(Event{Step: ClusterStep, Kind: Done, Took: time.Since(begin)})
	debug.FreeOSMemory() // the images were in memory; from now on there is little to do
	<-ctx.Done()
	return nil
}

// takeOver ends the processes that a killed supervisor has left, which nobody
// would start again, and begins a new state. Containers go on meanwhile.
func (c *Cluster) takeOver() (*supervisor, error) {
	before, err := ReadState(c.config.Paths)
	if err != nil {
		return nil, err
	}
	if err := endAll(before); err != nil {
		return nil, err
	}
	state, err := newStateFile(c.config.Paths)
	return newSupervisor(state, c.report), err
}

// endAll ends all processes of a state side by side.
func endAll(state State) error {
	var group errgroup.Group
	for name, process := range state.Processes {
		group.Go(func() error {
			if err := process.end(10 * time.Second); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// start brings everything up in the order the package comment draws.
func (c *Cluster) start(ctx context.Context, s *supervisor) error {
	host := func(ctx context.Context) error {
		if err := c.inspect(ctx); err != nil {
			return err
		}
		return portsFree(ports)
	}
	if err := c.step(ctx, "host", host); err != nil {
		return err
	}
	if err := c.step(ctx, "certificates", c.credentials); err != nil {
		return err
	}
	process := func(p Process, after ...string) unit {
		return unit{p.Name, after, func(ctx context.Context) error { return s.start(ctx, p) }}
	}
	first := c.controllerManager(1)
	return c.startUnits(ctx, []unit{
		{containerd, nil, func(ctx context.Context) error { return c.startRuntime(ctx, s) }},
		{"images", []string{containerd}, c.loadImages},
		process(c.apiserver()),
		{"roles", []string{apiserver}, c.grant},
		process(first, apiserver),
		process(c.controllerManager(2), first.Name), // so that the first one leads
		process(c.scheduler(), apiserver),
		process(c.proxy(), "roles"),
		process(c.kubelet(), apiserver, "images"),
		{"node", []string{kubelet, proxy}, c.nodeReady},
	})
}

// unit is a part of the start with the names of the units it has to wait for.
type unit struct {
	name  string
	after []string
	run   func(ctx context.Context) error
}

// startUnits runs each unit as soon as those it waits for are done, and returns
// the first error when all that had begun have ended. A unit may only wait for
// units before it in the list.
func (c *Cluster) startUnits(ctx context.Context, units []unit) error {
	group, ctx := errgroup.WithContext(ctx)
	done := map[string]chan struct{}{}
	for _, u := range units {
		finished := make(chan struct{})
		done[u.name] = finished
		var awaited []chan struct{}
		for _, name := range u.after {
			awaited = append(awaited, done[name])
		}
		group.Go(func() error {
			for _, other := range awaited {
				select {
				case <-other:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			if err := c.step(ctx, u.name, u.run); err != nil {
				return err
			}
			close(finished)
			return nil
		})
	}
	return group.Wait()
}

// inspect fills in the host.
func (c *Cluster) inspect(context.Context) (err error) {
	c.host, err = inspectHost(c.config.Paths)
	return err
}

// step reports the begin and the end of what f does. The failure of a step that
// was called off is not reported: another one has failed before.
func (c *Cluster) step(ctx context.Context, name string, f func(context.Context) error) error {
	c.report(Event{Step: name, Kind: Begun})
	begin := time.Now()
	err := f(ctx)
	switch {
	case err == nil:
		c.report(Event{Step: name, Kind: Done, Took: time.Since(begin)})
	case ctx.Err() == nil:
		c.report(Event{Step: name, Kind: Failed, Took: time.Since(begin), Text: err.Error()})
	}
	return err
}

// loadImages packs the programs we have beside us and gives them to containerd.
func (c *Cluster) loadImages(ctx context.Context) error {
	var images []image.Image
	for _, program := range []image.Program{
		{Path: filepath.Join(c.config.Bin, "pause"), Names: []string{SandboxImage}, Pinned: true},
		{Path: filepath.Join(c.config.Bin, "echoserver"), Ports: []string{"8080/tcp"},
			Names: []string{"k8s.gcr.io/echoserver:1.4", "registry.k8s.io/echoserver:1.4"}},
	} {
		packed, err := image.Pack(program)
		if err != nil {
			return err
		}
		images = append(images, packed)
	}
	return image.Load(ctx, c.config.ContainerdSocket(), c.host.Snapshotter, images...)
}
