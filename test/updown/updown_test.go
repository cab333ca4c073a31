package updown

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"slowmo/test/live"
)

const example = "../../deploy/examples/hello-node.yaml"

// TestUpAndDown: up, the first steps, up again, down; the host is as before.
func TestUpAndDown(t *testing.T) {
	before := live.HostState()
	c := newCluster(t)
	out := slowmo(t, c, "up")
	for _, phase := range []string{"certificates", "containerd", "images", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy"} {
		if !strings.Contains(out, phase) {
			t.Errorf("up shows nothing of %s:\n%s", phase, out)
		}
	}
	for range 2 { // what `make up` does, twice
		slowmo(t, c, "up")
		out = slowmo(t, c, "hello", example)
		for _, want := range []string{"CLIENT VALUES:", "Try next:", "get deployments,pods,services"} {
			if !strings.Contains(out, want) {
				t.Errorf("hello printed nothing of %q:\n%s", want, out)
			}
		}
	}
	if out := slowmo(t, c, "status"); strings.Count(out, "controller-manager") < 2 {
		t.Errorf("status:\n%s", out)
	}
	downAndClean(t, c, before)
	// What was stored is there again, and so is the pod.
	slowmo(t, c, "up")
	if out := slowmo(t, c, "hello", example); !strings.Contains(out, "unchanged") {
		t.Errorf("after down and up the Deployment is not there any more:\n%s", out)
	}
	downAndClean(t, c, before)
	slowmo(t, c, "down") // once more is harmless
}

// TestDownAfterKill: everything of ours is killed at once, supervisor and
// containerd too, and down still finds what they left.
func TestDownAfterKill(t *testing.T) {
	before := live.HostState()
	c := newCluster(t)
	slowmo(t, c, "up")
	slowmo(t, c, "hello", example)
	killed := 0
	for _, pattern := range []string{"^" + live.Bin + "/", c.Root} {
		out, _ := exec.Command("pgrep", "-f", pattern).Output()
		for _, text := range strings.Fields(string(out)) {
			pid, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	if killed < 7 {
		t.Errorf("only %d processes were there to kill", killed)
	}
	downAndClean(t, c, before)
}

func newCluster(t *testing.T) *live.Cluster {
	t.Helper()
	c, err := live.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := c.Stop(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return c
}

func slowmo(t *testing.T, c *live.Cluster, args ...string) string {
	t.Helper()
	out, err := c.Slowmo(args...)
	if err != nil {
		logs, _ := exec.Command("sh", "-c", "tail -n 20 "+filepath.Join(c.Root, "logs")+"/*.log").CombinedOutput()
		t.Fatalf("slowmo %s: %v\n%s\n%s", strings.Join(args, " "), err, out, logs)
	}
	return out
}

func downAndClean(t *testing.T, c *live.Cluster, before []string) {
	t.Helper()
	slowmo(t, c, "down")
	for _, line := range live.LeftBehind(before, live.HostState()) {
		t.Errorf("down left behind %s", line)
	}
}
