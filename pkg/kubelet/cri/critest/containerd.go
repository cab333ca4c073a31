package critest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slowmo/pkg/image"
)

// Containerd is a container runtime of a test's own.
type Containerd struct {
	Socket  string
	CNIConf string // the directory that it reads
	LogDir  string
}

// ToolImage is the image of testdata/tool.
const ToolImage = "slowmo.test/tool:1"

const pauseImage = "registry.k8s.io/pause:3.10"

// StartContainerd runs a containerd with its own root, state and socket until the
// test ends, with the pause image and ToolImage in it. It needs root, and the
// packages containerd and runc.
func StartContainerd(t *testing.T) *Containerd {
	t.Helper()
	// Not t.TempDir: its name is too long for a socket's path.
	dir, err := os.MkdirTemp("", "containerd")
	if err != nil {
		t.Fatal(err)
	}
	c := &Containerd{Socket: dir + "/c.sock", CNIConf: dir + "/cni", LogDir: dir + "/logs"}
	for _, d := range []string{c.CNIConf, c.LogDir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(containerdConfig, dir+"/root", dir+"/state", c.Socket, pauseImage, c.CNIConf)
	path := dir + "/config.toml"
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("containerd", "--config", path)
	cmd.Stdout, cmd.Stderr = log, log
	// Ends with this process, even if that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatalf("containerd: %v; install the package containerd", err)
	}
	t.Cleanup(func() { stopContainerd(t, cmd, log, dir) })
	c.load(t, dir)
	return c
}

func stopContainerd(t *testing.T, cmd *exec.Cmd, log *os.File, dir string) {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // by that signal
	log.Close()
	if t.Failed() {
		if text, err := os.ReadFile(dir + "/log"); err == nil {
			t.Logf("containerd's log ends:\n%s", text[max(0, len(text)-4000):])
		}
	}
	unmountBelow(dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// unmountBelow removes mounts that containers of a failed test left.
func unmountBelow(dir string) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	lines := strings.Split(string(mounts), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if words := strings.Fields(lines[i]); len(words) > 1 && strings.HasPrefix(words[1], dir+"/") {
			_ = syscall.Unmount(words[1], syscall.MNT_DETACH)
		}
	}
}

// load builds the two programs and imports their images once containerd answers.
func (c *Containerd) load(t *testing.T, dir string) {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	tool := build(t, dir, filepath.Join(strings.TrimSpace(string(root)), "pkg/kubelet/cri/critest/testdata/tool"))
	pause := build(t, dir, filepath.Join(strings.TrimSpace(string(root)), "cmd/pause"))
	var images []image.Image
	for _, p := range []image.Program{
		{Path: pause, Names: []string{pauseImage}},
		{Path: tool, Names: []string{ToolImage}},
	} {
		img, err := image.Pack(p)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	waitFor(ctx, c.Socket)
	if err := image.Load(ctx, c.Socket, "overlayfs", images...); err != nil {
		t.Fatal(err)
	}
}

// waitFor returns when the socket is there or ctx ended.
func waitFor(ctx context.Context, socket string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(socket); err == nil || ctx.Err() != nil {
			return
		}
		<-tick.C
	}
}

func build(t *testing.T, dir, source string) string {
	t.Helper()
	out := filepath.Join(dir, filepath.Base(source))
	cmd := exec.Command("go", "build", "-o", out, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, text)
	}
	return out
}

// containerdConfig lets containers' OOM scores be as low as this process' own
// at least: not every host lets it lower them further.
const containerdConfig = `version = 2
root = %q
state = %q
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`
