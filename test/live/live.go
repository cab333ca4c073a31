// Package live brings up a cluster by bin/slowmo for tests and benchmarks, as a
// person would: real processes, real containers, upstream's ports.
//
// One can run at a time on a host. What a caller does, in order: Start once (in
// TestMain), use Kubeconfig or Config, Stop at the end whatever happened.
//
// What needs the API alone takes an APIServer instead: a bin/apiserver on a free
// port, as many as are wanted beside each other.
package live

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Bin is the folder of the binaries under test: bin in the repository's root.
// Tests run in their package's folder, two below it.
var Bin, _ = filepath.Abs("../../bin")

// Cluster is one that runs.
type Cluster struct {
	Root  string // the folder that holds all of it
	Audit string // the API server's audit log
}

// Start brings a cluster up in a folder of its own.
func Start() (*Cluster, error) {
	for _, name := range []string{"slowmo", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy", "kubectl"} {
		if _, err := os.Stat(filepath.Join(Bin, name)); err != nil {
			return nil, fmt.Errorf("%w\nrun `make build` first, or `make test`, which does", err)
		}
	}
	c, err := New()
	if err != nil {
		return nil, err
	}
	if out, err := c.Up(); err != nil {
		down, _ := c.Stop()
		return nil, fmt.Errorf("slowmo up: %w\n%s\n%s", err, out, down)
	}
	return c, nil
}

// New makes the folder of a cluster that is not up yet.
func New() (*Cluster, error) {
	root, err := os.MkdirTemp("", "slowmo-live-")
	return &Cluster{Root: root, Audit: filepath.Join(root, "audit.log")}, err
}

// Slowmo runs the command on this cluster and returns all that it printed.
func (c *Cluster) Slowmo(args ...string) (string, error) {
	out, err := exec.Command(filepath.Join(Bin, "slowmo"), append(args, "--root", c.Root)...).CombinedOutput()
	return string(out), err
}

// Up brings it up again, after Slowmo("down") or while it runs.
func (c *Cluster) Up() (string, error) {
	return c.Slowmo("up", "--audit-log-path", c.Audit)
}

// Stop takes it down and removes its folder.
func (c *Cluster) Stop() (string, error) {
	out, err := c.Slowmo("down")
	if err != nil {
		return out, err
	}
	return out, os.RemoveAll(c.Root)
}

// Kubeconfig is the administrator's.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.Root, "admin.kubeconfig") }

// Config is for client-go, without a rate limit.
func (c *Cluster) Config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}
