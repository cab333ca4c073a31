package standalone

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slowmo/test/live"
)

// TestBadFlagsEndWithOneLine: exit code 1 or 2, one line, and the line names
// what to mend.
func TestBadFlagsEndWithOneLine(t *testing.T) {
	nonsense := filepath.Join(t.TempDir(), "nonsense.yaml")
	if err := os.WriteFile(nonsense, []byte("nonsense: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		binary string
		args   []string
		names  string // what the line must name
	}{
		{"apiserver", []string{"--nonsense"}, "--nonsense"},
		{"apiserver", []string{"--secure-port=high"}, "--secure-port"},
		{"apiserver", []string{"--secure-port=70000", "--data-dir=" + t.TempDir()}, "--secure-port"},
		{"apiserver", []string{"--service-cluster-ip-range=everywhere", "--data-dir=" + t.TempDir()}, "--service-cluster-ip-range"},
		{"apiserver", []string{"--disable-admission-plugins=Nonsense", "--data-dir=" + t.TempDir()}, "Nonsense"},
		{"apiserver", []string{"--token-auth-file=" + nonsense + ".absent", "--data-dir=" + t.TempDir()}, "--token-auth-file"},
		{"controller-manager", []string{"--nonsense"}, "--nonsense"},
		{"controller-manager", []string{"--kubeconfig=" + nonsense}, "--kubeconfig"},
		{"controller-manager", []string{"--controllers=nonsense", "--kubeconfig=" + nonsense}, "nonsense"},
		{"scheduler", []string{"--kubeconfig=" + nonsense}, "--kubeconfig"},
		{"scheduler", []string{"--leader-elect-lease-duration=1s", "--kubeconfig=" + nonsense}, "--leader-elect-lease-duration"},
		{"scheduler", []string{"--config=" + nonsense}, nonsense},
		{"kubelet", []string{"--kubeconfig=" + nonsense}, "--kubeconfig"},
		{"kubelet", []string{"--node-ip=everywhere", "--kubeconfig=" + nonsense}, "--node-ip"},
		{"proxy", []string{"--proxy-mode=ipvs", "--kubeconfig=" + nonsense}, "--proxy-mode"},
		{"proxy", []string{"--cluster-cidr=everywhere", "--kubeconfig=" + nonsense}, "--cluster-cidr"},
		{"slowmo", []string{"nonsense"}, "nonsense"},
	} {
		t.Run(c.binary+" "+strings.Join(c.args[:1], " "), func(t *testing.T) {
			cmd := exec.Command(filepath.Join(live.Bin, c.binary), c.args...)
			cmd.Env = append(os.Environ(), "KUBECONFIG=")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 && exit.ExitCode() != 2 {
				t.Errorf("it ended with %v", err)
			}
			if lines := strings.Count(stderr.String(), "\n"); lines != 1 || !strings.Contains(stderr.String(), c.names) {
				t.Errorf("it said, in %d lines:\n%s\nand should name %s in one", lines, stderr.String(), c.names)
			}
		})
	}
}

// TestVersion: every component says upstream's version and ends well.
func TestVersion(t *testing.T) {
	for _, binary := range []string{"apiserver", "controller-manager", "scheduler", "kubelet", "proxy"} {
		out, err := exec.Command(filepath.Join(live.Bin, binary), "--version").Output()
		if err != nil || !strings.HasPrefix(string(out), "Kubernetes v1.37.") {
			t.Errorf("%s --version: %q, %v", binary, out, err)
		}
	}
}
