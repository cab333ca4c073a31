// Package critest is one list of tests for every cri.Runtime: what the kubelet
// relies on. The fake runtime and containerd both pass it.
package critest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// Subject is a runtime to test. Image runs until TERM with no arguments; with
// the arguments "stubborn" until KILL, and with "exit", "3" it ends with that code.
type Subject struct {
	Runtime cri.Runtime
	Image   string
	// LogDir is where logs may be written; "" for a runtime that writes none.
	LogDir string
	// Exit ends the process of a running container with a code, as if by itself;
	// nil if containers do so when told by their arguments.
	Exit func(id string, code int32) error
}

// patience bounds each wait: a slow machine is not a failure.
const patience = time.Minute

// Run runs the list.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"a sandbox lives and dies", testSandbox},
		{"a container lives and dies", testContainer},
		{"lists select by label and state", testLists},
		{"an exit is an event, and stopping waits for the books", testExit},
		{"a stop waits for the grace and then kills", testStubborn},
		{"removing a sandbox removes its containers", testRemoveSandbox},
		{"what is gone can be stopped and removed", testGone},
		{"a pod is read whole", testReadPod},
		{"commands run inside", testExec},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c.test(t, &world{Subject: s, t: t, ctx: ctx, uid: fmt.Sprintf("uid-%d", time.Now().UnixNano())})
		})
	}
}

// world is one test's.
type world struct {
	Subject
	t   *testing.T
	ctx context.Context
	uid string
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sandboxConfig() *runtimeapi.PodSandboxConfig {
	return &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: "p", Namespace: "ns", Uid: w.uid},
		LogDirectory: w.LogDir,
		Labels:       map[string]string{cri.PodUIDLabel: w.uid, cri.PodNameLabel: "p", cri.PodNamespaceLabel: "ns"},
		Annotations:  map[string]string{"a": "b"},
		// The host's network: these tests are not about CNI.
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: "/slowmo-critest",
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE},
			},
		},
	}
}

// sandbox runs one, removed at the test's end.
func (w *world) sandbox() string {
	w.t.Helper()
	answer, err := w.Runtime.RunPodSandbox(w.ctx, &runtimeapi.RunPodSandboxRequest{Config: w.sandboxConfig()})
	w.ok(err)
	w.t.Cleanup(func() {
		_, err := w.Runtime.RemovePodSandbox(context.WithoutCancel(w.ctx), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: answer.PodSandboxId})
		if err != nil {
			w.t.Error(err)
		}
	})
	return answer.PodSandboxId
}

// create makes a container that is not started.
func (w *world) create(sandbox, name string, args ...string) string {
	w.t.Helper()
	st, err := w.Runtime.ImageStatus(w.ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: w.Image}})
	w.ok(err)
	if st.Image == nil {
		_, err := w.Runtime.PullImage(w.ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: w.Image}})
		w.ok(err)
	}
	answer, err := w.Runtime.CreateContainer(w.ctx, &runtimeapi.CreateContainerRequest{
		PodSandboxId: sandbox, SandboxConfig: w.sandboxConfig(),
		Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: name},
			Image:    &runtimeapi.ImageSpec{Image: w.Image},
			Args:     args,
			LogPath:  w.log(name),
			Labels:   map[string]string{cri.PodUIDLabel: w.uid, cri.ContainerNameLabel: name},
			Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE, Pid: runtimeapi.NamespaceMode_CONTAINER},
			}},
		},
	})
	w.ok(err)
	return answer.ContainerId
}

func (w *world) run(sandbox, name string, args ...string) string {
	w.t.Helper()
	id := w.create(sandbox, name, args...)
	w.start(id)
	if w.LogDir != "" && (len(args) == 0 || args[0] == "stubborn") {
		w.awaitLog(name)
	}
	return id
}

func (w *world) start(id string) {
	w.t.Helper()
	_, err := w.Runtime.StartContainer(w.ctx, &runtimeapi.StartContainerRequest{ContainerId: id})
	w.ok(err)
}

// log is the path of a container's log below LogDir.
func (w *world) log(name string) string { return w.uid + "-" + name + ".log" }

// awaitLog returns when the container says that it is ready for signals.
func (w *world) awaitLog(name string) {
	w.t.Helper()
	for w.ctx.Err() == nil {
		text, err := os.ReadFile(filepath.Join(w.LogDir, w.log(name)))
		if err == nil && strings.Contains(string(text), "running\n") {
			return
		}
		time.Sleep(10 * time.Millisecond) // its log is another process's; nothing tells
	}
	w.t.Fatal("the container never said that it runs")
}

func (w *world) stop(id string, seconds int64) {
	w.t.Helper()
	_, err := w.Runtime.StopContainer(w.ctx, &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: seconds})
	w.ok(err)
}

// want checks a container's state.
func (w *world) want(id string, state runtimeapi.ContainerState) *runtimeapi.ContainerStatus {
	w.t.Helper()
	st, err := w.Runtime.ContainerStatus(w.ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
	w.ok(err)
	if st.Status.State != state {
		w.t.Fatalf("container is %s, want %s", st.Status.State, state)
	}
	return st.Status
}

const (
	created = runtimeapi.ContainerState_CONTAINER_CREATED
	running = runtimeapi.ContainerState_CONTAINER_RUNNING
	exited  = runtimeapi.ContainerState_CONTAINER_EXITED
)

func testSandbox(t *testing.T, w *world) {
	id := w.sandbox()
	state := func() runtimeapi.PodSandboxState {
		st, err := w.Runtime.PodSandboxStatus(w.ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: id})
		w.ok(err)
		if st.Status.Metadata.Uid != w.uid || st.Status.Annotations["a"] != "b" {
			t.Errorf("status lost what it was made with: %v", st.Status)
		}
		return st.Status.State
	}
	if s := state(); s != runtimeapi.PodSandboxState_SANDBOX_READY {
		t.Errorf("fresh sandbox is %s", s)
	}
	_, err := w.Runtime.StopPodSandbox(w.ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: id})
	w.ok(err)
	if s := state(); s != runtimeapi.PodSandboxState_SANDBOX_NOTREADY {
		t.Errorf("stopped sandbox is %s", s)
	}
}

func testContainer(t *testing.T, w *world) {
	id := w.create(w.sandbox(), "c")
	w.want(id, created)
	w.start(id)
	if w.LogDir != "" {
		w.awaitLog("c")
	}
	if st := w.want(id, running); st.StartedAt == 0 || st.Labels[cri.ContainerNameLabel] != "c" {
		t.Errorf("running container: %v", st)
	}
	w.stop(id, 10)
	if st := w.want(id, exited); st.ExitCode != 0 || st.Reason != "Completed" || st.FinishedAt < st.StartedAt {
		t.Errorf("stopped container: %v", st)
	}
	_, err := w.Runtime.RemoveContainer(w.ctx, &runtimeapi.RemoveContainerRequest{ContainerId: id})
	w.ok(err)
	if _, err := w.Runtime.ContainerStatus(w.ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id}); !cri.IsNotFound(err) {
		t.Errorf("status of a removed container: %v, want not found", err)
	}
}

func testLists(t *testing.T, w *world) {
	sandbox := w.sandbox()
	w.run(sandbox, "runs")
	w.create(sandbox, "waits")
	for _, c := range []struct {
		filter *runtimeapi.ContainerFilter
		want   int
	}{
		{&runtimeapi.ContainerFilter{LabelSelector: map[string]string{cri.PodUIDLabel: w.uid}}, 2},
		{&runtimeapi.ContainerFilter{LabelSelector: map[string]string{cri.PodUIDLabel: w.uid, cri.ContainerNameLabel: "runs"}}, 1},
		{&runtimeapi.ContainerFilter{PodSandboxId: sandbox, State: &runtimeapi.ContainerStateValue{State: created}}, 1},
		{&runtimeapi.ContainerFilter{LabelSelector: map[string]string{cri.PodUIDLabel: "other"}}, 0},
	} {
		list, err := w.Runtime.ListContainers(w.ctx, &runtimeapi.ListContainersRequest{Filter: c.filter})
		w.ok(err)
		if len(list.Containers) != c.want {
			t.Errorf("filter %v found %d containers, want %d", c.filter, len(list.Containers), c.want)
		}
	}
}

func testExit(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	exits, ready := make(chan string, 100), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = w.Runtime.Watch(ctx, sync.OnceFunc(func() { close(ready) }), func(e cri.Exit) { exits <- e.ID })
	})
	defer wg.Wait()
	defer cancel()
	<-ready
	sandbox := w.sandbox()
	var id string
	if w.Exit == nil {
		id = w.run(sandbox, "c", "exit", "3")
	} else {
		id = w.run(sandbox, "c")
		w.ok(w.Exit(id, 3))
	}
	for {
		select {
		case got := <-exits:
			if got != id {
				continue
			}
		case <-w.ctx.Done():
			t.Fatal("no exit event came")
		}
		break
	}
	// The event may be earlier than the state; this waits for it.
	w.stop(id, 0)
	if st := w.want(id, exited); st.ExitCode != 3 || st.Reason != "Error" {
		t.Errorf("exited container: %v", st)
	}
}

func testStubborn(t *testing.T, w *world) {
	if w.Exit != nil {
		return // a fake process always obeys
	}
	id := w.run(w.sandbox(), "c", "stubborn")
	start := time.Now()
	w.stop(id, 1)
	if took := time.Since(start); took < time.Second {
		t.Errorf("killed after %v, before the grace of 1s", took)
	}
	if st := w.want(id, exited); st.ExitCode != 137 {
		t.Errorf("exit code %d, want 137", st.ExitCode)
	}
}

func testRemoveSandbox(t *testing.T, w *world) {
	sandbox := w.sandbox()
	id := w.run(sandbox, "c")
	_, err := w.Runtime.RemovePodSandbox(w.ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: sandbox})
	w.ok(err)
	if _, err := w.Runtime.ContainerStatus(w.ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id}); !cri.IsNotFound(err) {
		t.Errorf("its container: %v, want not found", err)
	}
}

func testGone(t *testing.T, w *world) {
	errs := map[string]error{}
	_, errs["stop sandbox"] = w.Runtime.StopPodSandbox(w.ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: "none"})
	_, errs["remove sandbox"] = w.Runtime.RemovePodSandbox(w.ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: "none"})
	_, errs["stop container"] = w.Runtime.StopContainer(w.ctx, &runtimeapi.StopContainerRequest{ContainerId: "none"})
	_, errs["remove container"] = w.Runtime.RemoveContainer(w.ctx, &runtimeapi.RemoveContainerRequest{ContainerId: "none"})
	for what, err := range errs {
		if err != nil && !cri.IsNotFound(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func testReadPod(t *testing.T, w *world) {
	sandbox := w.sandbox()
	old := w.run(sandbox, "c")
	w.stop(old, 10)
	_, err := w.Runtime.RemoveContainer(w.ctx, &runtimeapi.RemoveContainerRequest{ContainerId: old})
	w.ok(err)
	id := w.run(sandbox, "c")
	pod, err := cri.ReadPod(w.ctx, w.Runtime, "no such pod")
	w.ok(err)
	if !pod.Empty() {
		t.Errorf("a pod that is not there has %v", pod)
	}
	pod, err = cri.ReadPod(w.ctx, w.Runtime, types.UID(w.uid))
	w.ok(err)
	c := pod.Container("c")
	if pod.Ready() == nil || pod.Ready().Id != sandbox || c == nil || c.Id != id || !c.Running() || c.SandboxID != sandbox {
		t.Errorf("read %+v", pod)
	}
}

func testExec(t *testing.T, w *world) {
	id := w.run(w.sandbox(), "c")
	answer, err := w.Runtime.ExecSync(w.ctx, &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{"/tool", "echo", "hi"}, Timeout: 30})
	w.ok(err)
	if answer.ExitCode != 0 {
		t.Errorf("exit code %d, stderr %s", answer.ExitCode, answer.Stderr)
	}
}
