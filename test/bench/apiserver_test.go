package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"slowmo/test/live"
)

// apiServer is an API server alone, ours or a kube-apiserver with its etcd, that
// a benchmark loads.
type apiServer struct {
	url  string
	pids []string // whose CPU and memory count
}

const token = "a-token-for-this-benchmark"

// bothServers runs measure on bin/apiserver and, if KUBE_APISERVER names a
// kube-apiserver, on that too, one after the other. theirs is nil without it.
func bothServers(b *testing.B, measure func(b *testing.B, s *apiServer) figures) (ours, theirs figures) {
	b.Helper()
	b.Run("slowmo", func(b *testing.B) { ours = measure(b, startOurs(b)) })
	if binary := os.Getenv("KUBE_APISERVER"); binary != "" {
		b.Run("kube-apiserver", func(b *testing.B) { theirs = measure(b, startTheirs(b, binary)) })
	}
	return ours, theirs
}

func startOurs(b *testing.B) *apiServer {
	b.Helper()
	dir, port := b.TempDir(), live.FreePort(b)
	args := append(commonFlags(b, dir, port), "--data-dir", filepath.Join(dir, "data"))
	return ready(b, port, live.Launch(b, filepath.Join(live.Bin, "apiserver"), args...))
}

// startTheirs starts the peer as an installer would: etcd beside it, fsync on.
func startTheirs(b *testing.B, binary string) *apiServer {
	b.Helper()
	dir, port := b.TempDir(), live.FreePort(b)
	etcd := os.Getenv("ETCD")
	if etcd == "" {
		etcd = "etcd"
	}
	main, store := live.StartUpstream(b, etcd, binary, filepath.Join(dir, "data"), dir, commonFlags(b, dir, port)...)
	return ready(b, port, main, store)
}

func commonFlags(b *testing.B, dir string, port int) []string {
	b.Helper()
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(token+",admin,admin,\"system:masters\"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return []string{"--cert-dir", filepath.Join(dir, "certs"), "--secure-port", strconv.Itoa(port), "--token-auth-file", tokens,
		"--service-cluster-ip-range", "10.96.0.0/16", "--disable-admission-plugins", "ServiceAccount"}
}

// ready waits for /readyz of the first process.
func ready(b *testing.B, port int, processes ...*exec.Cmd) *apiServer {
	b.Helper()
	s := &apiServer{url: fmt.Sprintf("https://127.0.0.1:%d", port)}
	for _, process := range processes {
		s.pids = append(s.pids, strconv.Itoa(process.Process.Pid))
	}
	client := newClient()
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if code, _, err := s.ask(client, http.MethodGet, "/readyz", "", nil); err == nil && code == http.StatusOK {
			return s
		}
	}
	b.Fatal("the server is not ready after a minute")
	return nil
}

// cpu returns the CPU time that the server has used.
func (s *apiServer) cpu(b *testing.B) time.Duration {
	b.Helper()
	sum := 0
	for _, pid := range s.pids {
		sum += ticksOf(b, pid)
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

// resident returns what memory the server holds, in MiB.
func (s *apiServer) resident(b *testing.B) float64 {
	b.Helper()
	sum := 0.0
	for _, pid := range s.pids {
		sum += residentMiB(b, pid)
	}
	return sum
}

// newClient returns a client with a connection of its own, HTTP/2 over TLS.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
		DisableCompression: true}}
}

// request makes a request of the administrator. accept may be empty.
func (s *apiServer) request(method, path, accept string, body []byte) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // of a path that is written in this file
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "bench/1")
	r.Header.Set("Content-Type", "application/json")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

// ask makes a request and returns the status code and the size of the answer.
func (s *apiServer) ask(client *http.Client, method, path, accept string, body []byte) (code int, size int64, err error) {
	answer, err := client.Do(s.request(method, path, accept, body))
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	size, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, size, err
}

// must is ask for what has to succeed.
func (s *apiServer) must(b *testing.B, client *http.Client, method, path, accept string, body []byte) int64 {
	b.Helper()
	code, size, err := s.ask(client, method, path, accept, body)
	if err != nil || code >= 300 {
		b.Errorf("%s %s: %d, %v", method, path, code, err)
	}
	return size
}
