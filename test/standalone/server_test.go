package standalone

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var bin = func() string {
	dir, err := filepath.Abs("../../bin")
	if err != nil {
		panic(err)
	}
	return dir
}()

const (
	token    = "a-token-for-this-test"
	patience = time.Minute
)

// server is a bin/apiserver that a test starts, kills and starts again.
type server struct {
	dir  string
	port int
	cmd  *exec.Cmd
	log  bytes.Buffer
}

func newServer(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := &server{dir: t.TempDir(), port: listener.Addr().(*net.TCPAddr).Port}
	tokens := fmt.Sprintf("%s,admin,admin,\"system:masters\"\n", token)
	if err := os.WriteFile(filepath.Join(s.dir, "tokens.csv"), []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	return s
}

// start runs the server with the flags of the README and waits for /readyz. It
// returns how long that took.
func (s *server) start(t *testing.T) time.Duration {
	t.Helper()
	s.cmd = exec.Command(filepath.Join(bin, "apiserver"),
		"--data-dir", filepath.Join(s.dir, "data"), "--cert-dir", filepath.Join(s.dir, "certs"),
		"--secure-port", fmt.Sprint(s.port), "--token-auth-file", filepath.Join(s.dir, "tokens.csv"),
		"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount")
	s.log.Reset()
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := s.client(t)
	for time.Since(begin) < patience {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		cancel()
		if err == nil {
			return time.Since(begin)
		}
		time.Sleep(2 * time.Millisecond) // another process's readiness, before which it accepts no connection to wait on
	}
	t.Fatalf("the server is not ready after %s:\n%s", patience, s.log.String())
	return 0
}

func (s *server) kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

func (s *server) client(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", s.port),
		BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// kubectl uses the kubeconfig that the server made.
func (s *server) kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(s.dir, "certs", "admin.kubeconfig"), "HOME="+s.dir)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
