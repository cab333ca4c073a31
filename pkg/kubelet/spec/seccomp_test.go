package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestSandboxProfile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "seccomp")
	path, err := WriteSandboxProfile(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		DefaultAction   string
		DefaultErrnoRet int
		Syscalls        []struct {
			Names  []string
			Action string
		}
	}
	if err := json.Unmarshal(data, &profile); err != nil || len(profile.Syscalls) != 1 {
		t.Fatalf("%s: %v", data, err)
	}
	if profile.DefaultAction != "SCMP_ACT_ERRNO" || profile.DefaultErrnoRet != int(unix.ENOSYS) || profile.Syscalls[0].Action != "SCMP_ACT_ALLOW" {
		t.Errorf("profile %s", data)
	}
	names := profile.Syscalls[0].Names
	for _, needed := range []string{"execve", "wait4", "rt_sigaction", "pause", "capset", "setgroups"} {
		if !slices.Contains(names, needed) {
			t.Errorf("%s is not allowed", needed)
		}
	}
	for _, harmful := range []string{"mount", "unshare", "setns", "ptrace", "bpf", "socket", "keyctl", "init_module", "reboot"} {
		if slices.Contains(names, harmful) {
			t.Errorf("%s is allowed", harmful)
		}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			t.Errorf("%s is listed twice", name)
		}
	}
}

func TestSandboxSeccomp(t *testing.T) {
	h := host(t)
	of := func(cautious bool) *runtimeapi.SecurityProfile {
		config, err := h.Sandbox(newPod(), 0, cautious)
		if err != nil {
			t.Fatal(err)
		}
		return config.Linux.SecurityContext.Seccomp
	}
	if p := of(false); p.ProfileType != runtimeapi.SecurityProfile_RuntimeDefault {
		t.Errorf("without a profile: %v", p)
	}
	h.SandboxProfile = "/p.json"
	if p := of(false); p.ProfileType != runtimeapi.SecurityProfile_Localhost || p.LocalhostRef != "/p.json" {
		t.Errorf("with a profile: %v", p)
	}
	if p := of(true); p.ProfileType != runtimeapi.SecurityProfile_RuntimeDefault || p.LocalhostRef != "" {
		t.Errorf("after a failure: %v", p)
	}
}
