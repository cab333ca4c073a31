package cluster

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/sys/mountinfo"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/image"
)

// runtimeFixture is a real containerd of our own in a temporary folder, with
// the images loaded.
type runtimeFixture struct {
	*Cluster
	supervisor *supervisor
	pods       runtimeapi.RuntimeServiceClient
	images     runtimeapi.ImageServiceClient
}

func startRuntime(t *testing.T) *runtimeFixture {
	t.Helper()
	paths, err := NewPaths(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "slowmo/cmd/pause", "slowmo/cmd/echoserver")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := &runtimeFixture{Cluster: New(Config{Paths: paths, Bin: bin})}
	f.report = func(e Event) { t.Logf("%+v", e) }
	if err := os.MkdirAll(paths.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unmountBelow(paths.Root, paths.Run); err != nil {
			t.Error(err)
		}
		os.RemoveAll(paths.Run)
	})
	if err := f.inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, err := newStateFile(paths)
	if err != nil {
		t.Fatal(err)
	}
	f.supervisor = newSupervisor(state, f.report)
	t.Cleanup(f.supervisor.stop)
	if err := f.startRuntime(t.Context(), f.supervisor); err != nil {
		t.Fatal(err)
	}
	if err := f.loadImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := dialRuntime(paths.ContainerdSocket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f.pods = runtimeapi.NewRuntimeServiceClient(conn)
	f.images = runtimeapi.NewImageServiceClient(conn)
	return f
}

func TestImagesReachCRI(t *testing.T) {
	f := startRuntime(t)
	for _, name := range []string{SandboxImage, "k8s.gcr.io/echoserver:1.4", "registry.k8s.io/echoserver:1.4"} {
		response, err := f.images.ImageStatus(t.Context(), &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: name}})
		if err != nil {
			t.Fatal(err)
		}
		img := response.Image
		if img == nil || !strings.HasPrefix(img.Id, "sha256:") {
			t.Fatalf("%s: %v", name, img)
		}
		if len(img.RepoDigests) > 0 {
			t.Errorf("%s has digests %q of a repository, and was not pulled from one", name, img.RepoDigests)
		}
		if img.Size == 0 {
			t.Errorf("%s has no size", name)
		}
	}
	before := time.Now()
	if err := f.loadImages(t.Context()); err != nil {
		t.Fatalf("loading again: %v", err)
	}
	t.Logf("loading again took %s", time.Since(before))
}

// TestPullFromLoopback pulls from a registry on this machine over plain HTTP,
// as any image reference on localhost is.
func TestPullFromLoopback(t *testing.T) {
	f := startRuntime(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	packed, err := image.Pack(image.Program{Path: filepath.Join(f.config.Bin, "pause"), Names: []string{"unused"}})
	if err != nil {
		t.Fatal(err)
	}
	reference := strings.TrimPrefix(server.URL, "http://") + "/team/app:v1"
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, packed.Image); err != nil {
		t.Fatal(err)
	}
	spec := &runtimeapi.ImageSpec{Image: reference}
	pulled, err := f.images.PullImage(t.Context(), &runtimeapi.PullImageRequest{Image: spec})
	if err != nil {
		t.Fatal(err)
	}
	status, err := f.images.ImageStatus(t.Context(), &runtimeapi.ImageStatusRequest{Image: spec})
	if err != nil || status.Image.GetId() != pulled.ImageRef {
		t.Errorf("pulled %s, status %v, %v", pulled.ImageRef, status, err)
	}
	_, err = f.images.PullImage(t.Context(), &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: reference + "0"}})
	if err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("pull of a tag that is not there: %v", err)
	}
}

// TestContainersOutliveRuntime restarts containerd with kill -9 and finds the
// container as it was; then everything is killed, and removePods and
// unmountBelow leave nothing.
func TestContainersOutliveRuntime(t *testing.T) {
	f := startRuntime(t)
	container := f.runPod(t)
	before := f.containerPID(t, container)

	old := f.process(t, "containerd")
	if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "containerd is back", func() bool {
		return f.process(t, "containerd").PID != old.PID && f.containerState(container) == runtimeapi.ContainerState_CONTAINER_RUNNING
	})
	if after := f.containerPID(t, container); after != before {
		t.Errorf("container has process %d, had %d", after, before)
	}

	f.supervisor.stop()
	left, err := findContainers(f.config.Paths)
	if err != nil {
		t.Fatal(err)
	}
	if len(left.ids) != 2 || len(left.processes) < 3 {
		t.Fatalf("found %+v, want the pod and its container with a shim and two processes", left)
	}
	for _, process := range left.processes {
		syscall.Kill(process.PID, syscall.SIGKILL)
	}
	if err := f.removePods(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.nothingLeft(t)
}

// TestRemovePodsByForce takes the runtime away, so that only force is left.
func TestRemovePodsByForce(t *testing.T) {
	f := startRuntime(t)
	f.runPod(t)
	f.supervisor.stop()
	left, err := findContainers(f.config.Paths)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.kill(); err != nil {
		t.Fatal(err)
	}
	for _, process := range left.processes {
		if process.Alive() {
			t.Errorf("process %d is alive", process.PID)
		}
	}
	if err := unmountBelow(f.config.Root, f.config.Run); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(f.config.Run); err != nil {
		t.Fatal(err)
	}
	f.nothingLeft(t)
}

// runPod runs an echoserver pod in a network of its own and returns the
// container's id.
func (f *runtimeFixture) runPod(t *testing.T) string {
	t.Helper()
	network := fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "test", "plugins": [{"type": "ptp",
		"ipam": {"type": "host-local", "subnet": "198.18.77.0/24", "dataDir": %q}}]}`, t.TempDir())
	if err := os.WriteFile(filepath.Join(f.config.CNI(), "10-test.conflist"), []byte(network), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the network is configured", func() bool {
		status, err := f.pods.Status(t.Context(), &runtimeapi.StatusRequest{})
		return err == nil && status.Status.Conditions[1].Status
	})
	parent := fmt.Sprintf("/slowmo-test-%d", os.Getpid())
	t.Cleanup(func() {
		if err := removeCgroups(cgroupRoot, parent); err != nil {
			t.Error(err)
		}
	})
	config := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: "echo", Namespace: "default", Uid: "1"},
		LogDirectory: t.TempDir(),
		Linux:        &runtimeapi.LinuxPodSandboxConfig{CgroupParent: parent},
	}
	sandbox, err := f.pods.RunPodSandbox(t.Context(), &runtimeapi.RunPodSandboxRequest{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	container, err := f.pods.CreateContainer(t.Context(), &runtimeapi.CreateContainerRequest{
		PodSandboxId: sandbox.PodSandboxId, SandboxConfig: config,
		Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: "echo"},
			Image:    &runtimeapi.ImageSpec{Image: "k8s.gcr.io/echoserver:1.4"},
			LogPath:  "echo.log",
			Linux:    &runtimeapi.LinuxContainerConfig{},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.pods.StartContainer(t.Context(), &runtimeapi.StartContainerRequest{ContainerId: container.ContainerId}); err != nil {
		t.Fatal(err)
	}
	return container.ContainerId
}

func (f *runtimeFixture) process(t *testing.T, name string) Instance {
	t.Helper()
	state, err := ReadState(f.config.Paths)
	if err != nil {
		t.Fatal(err)
	}
	return state.Processes[name]
}

func (f *runtimeFixture) containerState(id string) runtimeapi.ContainerState {
	response, err := f.pods.ContainerStatus(context.Background(), &runtimeapi.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		return runtimeapi.ContainerState_CONTAINER_UNKNOWN
	}
	return response.Status.State
}

// containerPID finds the container's process by its cgroup.
func (f *runtimeFixture) containerPID(t *testing.T, id string) int {
	t.Helper()
	for pid := range pids() {
		if inContainer(pid, id) {
			return pid
		}
	}
	t.Fatalf("no process is in container %s", id)
	return 0
}

// nothingLeft fails if anything of the pods is there still.
func (f *runtimeFixture) nothingLeft(t *testing.T) {
	t.Helper()
	left, err := findContainers(f.config.Paths)
	if err != nil {
		t.Fatal(err)
	}
	if len(left.ids)+len(left.processes) > 0 {
		t.Errorf("left over: %+v", left)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(f.config.Run))
	if err != nil {
		t.Fatal(err)
	}
	for _, mount := range mounts {
		t.Errorf("mounted still: %s", mount.Mountpoint)
	}
}

// eventually fails the test if the condition does not come true in time.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
