package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	token    = "a-token-for-this-test"
	patience = time.Minute
)

// APIServer is a bin/apiserver alone that a test starts, kills and starts again.
type APIServer struct {
	Dir  string // holds its data, its certificates and its tokens
	Port int

	flags []string
	cmd   *exec.Cmd
	log   *journal
}

// journal keeps what a process wrote, for the message of a test that fails.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// NewAPIServer prepares a server with the flags of the README and those given. It is
// killed when the test ends.
func NewAPIServer(t testing.TB, flags ...string) *APIServer {
	t.Helper()
	s := &APIServer{Dir: t.TempDir(), Port: FreePort(t), flags: flags}
	tokens := fmt.Sprintf("%s,admin,admin,\"system:masters\"\n", token)
	if err := os.WriteFile(filepath.Join(s.Dir, "tokens.csv"), []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// FreePort returns a TCP port of the loopback address that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Start runs the server and waits for /readyz. It returns how long that took.
func (s *APIServer) Start(t testing.TB) time.Duration {
	t.Helper()
	took, err := s.Run()
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// Run is Start for goroutines that may not end the test.
func (s *APIServer) Run() (time.Duration, error) {
	s.cmd = exec.Command(filepath.Join(Bin, "apiserver"), append([]string{
		"--data-dir", s.DataDir(), "--cert-dir", filepath.Join(s.Dir, "certs"),
		"--secure-port", fmt.Sprint(s.Port), "--token-auth-file", filepath.Join(s.Dir, "tokens.csv"),
		"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount"}, s.flags...)...)
	s.log = &journal{}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, err
	}
	client, err := kubernetes.NewForConfig(s.Config())
	if err != nil {
		return 0, err
	}
	for time.Since(begin) < patience {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		cancel()
		if err == nil {
			return time.Since(begin), nil
		}
		time.Sleep(2 * time.Millisecond) // another process's readiness, before which it accepts no connection to wait on
	}
	return 0, fmt.Errorf("the server is not ready after %s:\n%s", patience, s.log)
}

// Kill ends the process at once, as a lost machine would.
func (s *APIServer) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// Stop asks the process to end and waits until it has.
func (s *APIServer) Stop(t testing.TB) {
	t.Helper()
	if err := errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait()); err != nil {
		t.Fatalf("stop: %v\n%s", err, s.log)
	}
}

// DataDir is where its etcd keeps its data.
func (s *APIServer) DataDir() string { return filepath.Join(s.Dir, "data") }

// Log is what the process wrote since its last start.
func (s *APIServer) Log() string { return s.log.String() }

// Config is the administrator's for client-go, without a rate limit.
func (s *APIServer) Config() *rest.Config {
	return &rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", s.Port),
		BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: -1}
}

// Client is the administrator's.
func (s *APIServer) Client(t testing.TB) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Kubectl runs our kubectl with the kubeconfig that the server made, and returns
// all that it printed.
func (s *APIServer) Kubectl(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	cmd := s.Command(filepath.Join(Bin, "kubectl"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Command prepares a program that finds the server by its environment.
func (s *APIServer) Command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(s.Dir, "certs", "admin.kubeconfig"), "HOME="+s.Dir)
	return cmd
}
