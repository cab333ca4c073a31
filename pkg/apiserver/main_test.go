package apiserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
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
	o := NewOptions()
	o.DataDir, o.CertDir, o.BindAddress = filepath.Join(dir, "data"), filepath.Join(dir, "certs"), "127.0.0.1"
	if o.SecurePort, err = freePort(); err != nil {
		return 0, err
	}
	o.DisableAdmission = []string{"ServiceAccount"}
	server.audit = filepath.Join(dir, "audit.log")
	o.AuditLogPath = server.audit
	o.TokenAuthFile = filepath.Join(dir, "tokens")
	tokens := "admin-token,admin,1,system:masters\nalice-token,alice,2\n"
	if err := os.WriteFile(o.TokenAuthFile, []byte(tokens), 0o600); err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	server.url = fmt.Sprintf("https://127.0.0.1:%d", o.SecurePort)
	server.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	if err := waitReady(ended); err != nil {
		stop()
		return 0, err
	}
	if server.config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(o.CertDir, "admin.kubeconfig")); err == nil {
		code = tests()
	}
	stop()
	if runErr := <-ended; err == nil {
		err = runErr
	}
	return code, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func waitReady(ended <-chan error) error {
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended: %w", err)
		case <-deadline:
			return fmt.Errorf("the server was not ready in a minute")
		case <-tick.C:
			if resp, err := server.client.Get(server.url + "/readyz"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return nil
				}
			}
		}
	}
}

// answerOf is what came back from a request.
type answerOf struct {
	code   int
	header http.Header
	raw    []byte
	body   map[string]any // nil if it is no JSON object
}

// do sends a request as admin. headers are "Name: value" lines.
func do(t *testing.T, method, path, body string, headers ...string) answerOf {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer admin-token")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "test/1")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := server.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answerOf{code: resp.StatusCode, header: resp.Header, raw: raw}
	if json.Unmarshal(raw, &out.body) != nil {
		out.body = nil
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
func namespace(t *testing.T) string {
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
