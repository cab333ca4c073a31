package upstream

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slowmo/test/live"
)

// shared is a cluster whose API server is the real one and whose other processes
// are ours.
var shared *live.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := withStandin()
	if err == nil {
		defer os.RemoveAll(dir)
		live.Bin = dir
		shared, err = live.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	if out, err := shared.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "slowmo down: %v\n%s\n", err, out)
		code = 1
	}
	return code
}

// withStandin makes a folder with our programs, the stand-in among them by the
// name of apiserver, and the real servers that it starts.
func withStandin() (string, error) {
	real := filepath.Join(live.Bin, "upstream")
	if _, err := os.Stat(filepath.Join(real, "kube-apiserver")); err != nil {
		return "", fmt.Errorf("%w\nrun `make peers` first, or `make test`, which does", err)
	}
	dir, err := os.MkdirTemp(live.Bin, "upstream-")
	if err != nil {
		return "", err
	}
	var errs []error
	link := func(from, name string) { errs = append(errs, os.Link(from, filepath.Join(dir, name))) }
	for _, name := range []string{"slowmo", "controller-manager", "scheduler", "kubelet", "proxy", "kubectl", "pause", "echoserver"} {
		link(filepath.Join(live.Bin, name), name)
	}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		target, err := filepath.EvalSymlinks(filepath.Join(real, name))
		errs = append(errs, err)
		link(target, name)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "apiserver"), "./standin")
	if out, err := build.CombinedOutput(); err != nil {
		errs = append(errs, fmt.Errorf("%w\n%s", err, out))
	}
	return dir, errors.Join(errs...)
}

// TestOurComponentsOnKubeAPIServer: the article's walk with upstream's API server
// under our controller-manager, scheduler, kubelet and proxy.
func TestOurComponentsOnKubeAPIServer(t *testing.T) {
	if metrics := kubectl(t, "get", "--raw", "/metrics"); !strings.Contains(metrics, "apiserver_cel_compilation_duration_seconds") {
		t.Fatal("the API server has not the metrics of the real one")
	}
	out, err := shared.Slowmo("hello", "../../deploy/examples/hello-node.yaml")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "CLIENT VALUES:") {
		t.Errorf("no answer of the echoserver in\n%s", out)
	}
	for _, lease := range []string{"kube-controller-manager", "kube-scheduler"} {
		if holder := kubectl(t, "get", "lease", "-n", "kube-system", lease, "-o", "jsonpath={.spec.holderIdentity}"); holder == "" {
			t.Errorf("nobody holds %s", lease)
		}
	}
	if out := kubectl(t, "exec", "deployment/hello-node", "--", "/echoserver", "--version"); out == "" {
		t.Error("exec printed nothing")
	}
	if out := kubectl(t, "logs", "deployment/hello-node"); !strings.Contains(out, "GET / HTTP/1.1") {
		t.Errorf("logs printed %q", out)
	}
	for _, reason := range []string{"ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started"} {
		if out := kubectl(t, "get", "events", "--field-selector", "reason="+reason, "-o", "name"); out == "" {
			t.Errorf("no event %s", reason)
		}
	}
	kubectl(t, "scale", "deployment", "hello-node", "--replicas=3")
	kubectl(t, "rollout", "status", "deployment", "hello-node", "--timeout=1m")
	kubectl(t, "set", "env", "deployment/hello-node", "A=B")
	kubectl(t, "rollout", "status", "deployment", "hello-node", "--timeout=1m")
	kubectl(t, "delete", "service,deployment", "hello-node")
	kubectl(t, "wait", "--for=delete", "pod", "-l", "app=hello-node", "--timeout=1m")
}

// TestRestartOfKubeAPIServer: our components go on when the server comes back.
func TestRestartOfKubeAPIServer(t *testing.T) {
	server := filepath.Join(live.Bin, "kube-apiserver") // in a folder of this run's own
	if out, err := exec.Command("pkill", "-9", "-f", "^"+server).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		out, err := command("create", "deployment", "again", "--image=k8s.gcr.io/echoserver:1.4").CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	kubectl(t, "rollout", "status", "deployment", "again", "--timeout=1m")
	kubectl(t, "delete", "deployment", "again")
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(live.Bin, "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(), "HOME="+shared.Root)
	return cmd
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
