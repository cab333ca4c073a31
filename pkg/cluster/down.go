package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Down ends a cluster in whatever state it is: running, half started, or after
// a kill -9 of everything. When it returns nil there is no process, container,
// mount, network namespace, link, nft table, cgroup or socket of the cluster's
// left. What it stored stays, unless purge is set: the next up finds it.
//
// The polite way comes first at each step and force after it, so that force has
// only the leftovers of a crash to work on. Down may be repeated, and a cluster
// without a run folder has nothing running: a reboot ends all of the above.
func Down(ctx context.Context, config Config, purge bool, report func(Event)) error {
	c := New(config)
	c.report = report
	if !exists(config.Run) {
		return c.purge(ctx, purge)
	}
	state, err := ReadState(config.Paths)
	if err != nil {
		return err
	}
	// Its own end ends the processes, in the right order, and gives up the claim.
	if err := state.Supervisor.end(time.Minute); err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	lock, err := lockFile(config.Paths)
	if err != nil {
		return err
	}
	defer lock.Close()
	err = errors.Join(
		c.step(ctx, "processes", func(context.Context) error { return endAll(state) }),
		c.step(ctx, "pods", c.removePods),
		c.step(ctx, "network", c.removeNetwork),
		c.step(ctx, "mounts", func(context.Context) error { return unmountBelow(config.Root, config.Run) }),
		c.step(ctx, "cgroups", func(context.Context) error { return removeCgroups(cgroupRoot, podCgroups) }),
	)
	if err != nil {
		return err // what is left is still on record for the next try
	}
	return errors.Join(c.purge(ctx, purge), os.RemoveAll(config.Run))
}

// purge removes what the cluster stored, if that is wanted.
func (c *Cluster) purge(ctx context.Context, wanted bool) error {
	if !wanted {
		return nil
	}
	return c.step(ctx, "data", func(context.Context) error { return os.RemoveAll(c.config.Root) })
}

// removePods ends the containers: through the runtime, which also takes down
// their networks, and by force where the runtime cannot.
func (c *Cluster) removePods(ctx context.Context) error {
	left, err := findContainers(c.config.Paths)
	if err != nil {
		return err
	}
	if len(left.ids) > 0 {
		if err := c.removePodsPolitely(ctx); err != nil {
			c.report(Event{Step: "pods", Kind: Restarted, Text: err.Error() + "; using force"})
		}
	}
	if left, err = findContainers(c.config.Paths); err != nil {
		return err
	}
	return left.kill()
}

// removePodsPolitely runs containerd for as long as it takes to remove all pods.
func (c *Cluster) removePodsPolitely(ctx context.Context) error {
	if err := c.inspect(ctx); err != nil {
		return err
	}
	state, err := newStateFile(c.config.Paths)
	if err != nil {
		return err
	}
	s := newSupervisor(state, func(Event) {})
	defer s.stop()
	if err := c.startRuntime(ctx, s); err != nil {
		return err
	}
	return removeSandboxes(ctx, c.config.ContainerdSocket())
}

// removeNetwork has the proxy remove its tables, as a person would, and removes
// the bridge that pods were connected to and the record of addresses they had.
func (c *Cluster) removeNetwork(ctx context.Context) error {
	var err error
	if program := filepath.Join(c.config.Bin, proxy); exists(program) {
		var out []byte
		if out, err = exec.CommandContext(ctx, program, "--cleanup").CombinedOutput(); err != nil {
			err = fmt.Errorf("proxy --cleanup: %w\n%s", err, indent(string(out)))
		}
	}
	return errors.Join(err, removeLink(bridge), os.RemoveAll(filepath.Join(c.config.Kubelet(), "cni")))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
