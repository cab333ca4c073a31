package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is where the binaries under test are.
var bin = absolute("../../bin")

// shared is the cluster that all tests use.
var shared *cluster

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	for _, name := range []string{"slowmo", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy", "kubectl"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			fmt.Fprintf(os.Stderr, "%v\nRun `make build` first, or `make test`, which does.\n", err)
			return 1
		}
	}
	root, err := os.MkdirTemp("", "slowmo-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(root)
	shared = &cluster{root: root, audit: filepath.Join(root, "audit.log")}
	before := hostState()
	if out, err := shared.up(); err != nil {
		fmt.Fprintf(os.Stderr, "slowmo up: %v\n%s\n", err, out)
		_, _ = shared.down()
		return 1
	}
	code := m.Run()
	if out, err := shared.down(); err != nil {
		fmt.Fprintf(os.Stderr, "slowmo down: %v\n%s\n", err, out)
		code = 1
	}
	if left := leftBehind(before, hostState()); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "slowmo down left behind:\n")
		for _, line := range left {
			fmt.Fprintln(os.Stderr, " ", line)
		}
		code = 1
	}
	return code
}

// cluster is one brought up by bin/slowmo.
type cluster struct{ root, audit string }

func (c *cluster) slowmo(args ...string) (string, error) {
	out, err := exec.Command(filepath.Join(bin, "slowmo"), append(args, "--root", c.root)...).CombinedOutput()
	return string(out), err
}

func (c *cluster) up(args ...string) (string, error) {
	return c.slowmo(append([]string{"up", "--apiserver-flag", "--audit-log-path=" + c.audit}, args...)...)
}

func (c *cluster) down() (string, error) { return c.slowmo("down") }

func (c *cluster) kubeconfig() string { return filepath.Join(c.root, "admin.kubeconfig") }
