package spec

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/cri/critest"
)

// The sandbox's process is the child of a shim that runc has started under the
// profile, and ends when it is told to.
func TestContainerdRunsSandboxesUnderTheProfile(t *testing.T) {
	containerd := critest.StartContainerd(t)
	runtime, err := cri.Dial(containerd.Socket, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.Close()
	h := host(t)
	h.PodLogs = containerd.LogDir
	if h.SandboxProfile, err = WriteSandboxProfile(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	config, err := h.Sandbox(newPod(func(p *v1.Pod) { p.Spec.HostNetwork = true }), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	config.Linux.CgroupParent = "" // nobody would remove it
	made, err := runtime.RunPodSandbox(t.Context(), &runtimeapi.RunPodSandboxRequest{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	st, err := runtime.PodSandboxStatus(t.Context(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: made.PodSandboxId, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Pid int }
	if err := json.Unmarshal([]byte(st.Info["info"]), &info); err != nil {
		t.Fatal(err)
	}
	process, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", info.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if st.Status.State != runtimeapi.PodSandboxState_SANDBOX_READY || !strings.Contains(string(process), "Seccomp:\t2") {
		t.Errorf("%v, process\n%s", st.Status.State, process)
	}
	if _, err := runtime.RemovePodSandbox(t.Context(), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: made.PodSandboxId}); err != nil {
		t.Error(err)
	}
}
