package apiserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// server is the one that all tests of the package ask: a whole process with
// embedded etcd. Each test has a namespace of its own.
var server struct {
	url    string
	client *http.Client // as a member of system:masters
	config *rest.Config
	audit  string // path of its audit log
}

func TestMain(m *testing.M) {
	if os.Getenv(senderEnv) != "" {
		if err := sendAll(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withServer(tests func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "apiserver")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	o, err := testOptions(dir)
	if err != nil {
		return 0, err
	}
	o.DisableAdmission = []string{"ServiceAccount"}
	server.audit = filepath.Join(dir, "audit.log")
	o.AuditLogPath = server.audit
	s, err := launch(context.Background(), o)
	if err != nil {
		return 0, err
	}
	server.url, server.client = s.url, s.client
	if server.config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(o.CertDir, "admin.kubeconfig")); err == nil {
		code = tests()
	}
	return code, errors.Join(err, s.stop())
}

// testOptions are those of a server that keeps all it has in dir and lets in
// admin, a member of system:masters, and alice by token.
func testOptions(dir string) (*Options, error) {
	o := NewOptions()
	o.DataDir, o.CertDir, o.BindAddress = filepath.Join(dir, "data"), filepath.Join(dir, "certs"), "127.0.0.1"
	o.TokenAuthFile = filepath.Join(dir, "tokens")
	tokens := "admin-token,admin,1,system:masters\nalice-token,alice,2\n"
	if err := os.WriteFile(o.TokenAuthFile, []byte(tokens), 0o600); err != nil {
		return nil, err
	}
	var err error
	o.SecurePort, err = freePort()
	return o, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// started is a server that is ready.
type started struct {
	url    string
	client *http.Client
	cancel context.CancelFunc
	ended  chan error
}

func launch(ctx context.Context, o *Options) (*started, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &started{
		url:    fmt.Sprintf("https://127.0.0.1:%d", o.SecurePort),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}},
		cancel: cancel, ended: make(chan error, 1),
	}
	go func() { s.ended <- Run(ctx, o) }()
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case err := <-s.ended:
			cancel()
			return nil, fmt.Errorf("the server ended: %w", err)
		case <-deadline:
			cancel()
			return nil, errors.New("the server was not ready in a minute")
		case <-tick.C:
			if resp, err := s.client.Get(s.url + "/readyz"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return s, nil
				}
			}
		}
	}
}

// stop ends the server and returns what Run returned.
func (s *started) stop() error {
	s.cancel()
	return <-s.ended
}

// send sends a request. headers are "Name: value" lines.
func (s *started) send(method, url, body string, headers ...string) (answerOf, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answerOf{}, err
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return answerOf{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	out := answerOf{code: resp.StatusCode, header: resp.Header, raw: raw}
	if json.Unmarshal(raw, &out.body) != nil {
		out.body = nil
	}
	return out, err
}

// answerOf is what came back from a request.
type answerOf struct {
	code   int
	header http.Header
	raw    []byte
	body   map[string]any // nil if it is no JSON object
}

// do sends a request as admin. headers are "Name: value" lines.
func do(t testing.TB, method, path, body string, headers ...string) answerOf {
	t.Helper()
	headers = append([]string{"Authorization: Bearer admin-token", "Content-Type: application/json", "User-Agent: test/1"}, headers...)
	out, err := (&started{client: server.client}).send(method, server.url+path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// at returns the value at a path like "metadata.name" or "items.0.kind"; nil
// if there is none.
func (a answerOf) at(path string) any {
	var v any = a.body
	for _, step := range strings.Split(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[step]
		case []any:
			var i int
			if n, _ := fmt.Sscan(step, &i); n != 1 || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// namespace makes a namespace for one test and returns its name.
func namespace(t testing.TB) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ".", "-").Replace(t.Name()))
	got := do(t, "POST", "/api/v1/namespaces", fmt.Sprintf(`{"metadata":{"name":%q}}`, name))
	if got.code != http.StatusCreated {
		t.Fatalf("namespace %s: %d %s", name, got.code, got.raw)
	}
	return name
}

// exchange is a request and what must come back.
type exchange struct {
	name               string
	method, path, body string
	headers            []string
	code               int
	want               map[string]any // by path; "" is the whole raw body
	warnings           []string
}

func run(t *testing.T, steps []exchange) {
	t.Helper()
	for _, s := range steps {
		got := do(t, s.method, s.path, s.body, s.headers...)
		if got.code != s.code {
			t.Errorf("%s: code %d, want %d: %s", s.name, got.code, s.code, got.raw)
			continue
		}
		for path, want := range s.want {
			if path == "" {
				if !bytes.Equal(got.raw, []byte(want.(string))) {
					t.Errorf("%s: got %q, want %q", s.name, got.raw, want)
				}
			} else if found := got.at(path); fmt.Sprint(found) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, want %v", s.name, path, found, want)
			}
		}
		if s.warnings != nil && fmt.Sprint(got.header.Values("Warning")) != fmt.Sprint(s.warnings) {
			t.Errorf("%s: warnings %q, want %q", s.name, got.header.Values("Warning"), s.warnings)
		}
	}
}
