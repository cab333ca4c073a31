package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component"
	"slowmo/pkg/component/cause"
)

// ask sends a request that has passed the first steps through one step.
func ask(handler http.Handler, method, path string, user *request.User) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	state := &request.State{Info: request.Parse(r), User: user}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(request.With(r.Context(), state)))
	return w
}

// The smallest server has a seat for ordinary users, which one holds here.
func TestLimit(t *testing.T) {
	s := &Server{Config: Config{MaxRequests: 1}, patience: standardPatience}
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := s.limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("hold") {
			w.WriteHeader(http.StatusOK)
			entered <- struct{}{}
			<-leave
		}
	}))
	nobody, admin := &request.User{Name: "n", Groups: []string{request.GroupAuthenticated}}, &request.User{Name: "a", Groups: []string{request.GroupMasters}}
	held := make(chan int)
	hold := func(path string) {
		go func() { held <- ask(handler, "GET", path, nobody).Code }()
		<-entered
	}
	hold("/api/v1/pods?watch=1&hold") // is going: it has left
	hold("/api/v1/namespaces/a/pods/p/log?hold")
	hold("/api/v1/pods?hold")
	for _, tt := range []struct {
		name, method, path string
		user               *request.User
		want               int
	}{
		{"a second read, that waits", "GET", "/api/v1/pods?timeout=1ms", nobody, 429},
		{"a Lease", "PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/l", nobody, 200},
		{"a probe", "GET", "/readyz/etcd", nobody, 200},
		{"an administrator", "GET", "/api/v1/pods", admin, 200},
	} {
		got := ask(s.informed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			request.From(r.Context()).User = tt.user
			handler.ServeHTTP(w, r)
		})), tt.method, tt.path, tt.user)
		if got.Code != tt.want || (got.Code == 429) != (got.Header().Get("Retry-After") == "1") {
			t.Errorf("%s: %d %v", tt.name, got.Code, got.Header())
		}
	}
	close(leave)
	for range 3 {
		if code := <-held; code != 200 {
			t.Errorf("a request that ran: %d", code)
		}
	}
	if got := ask(handler, "GET", "/api/v1/pods", nobody); got.Code != 200 {
		t.Errorf("a read afterwards: %d", got.Code)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	s := &Server{}
	handler := s.recovered(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") }))
	got := ask(handler, "GET", "/x", nil)
	if got.Code != 500 || !strings.Contains(got.Body.String(), `"reason":"InternalError"`) || strings.Contains(got.Body.String(), "oops") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestLongRunningEndsWithTheServer(t *testing.T) {
	s := &Server{patience: standardPatience}
	s.draining, s.drain = context.WithCancel(t.Context())
	s.informed(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.drain()
		<-r.Context().Done()
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/namespaces/n/pods/p/log?follow=1", nil))
	s.informed(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		short := r.Context()
		if short.Err() != nil {
			t.Error("an ordinary request must outlive the drain")
		}
		if _, bounded := short.Deadline(); !bounded {
			t.Error("an ordinary request must have a deadline")
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/pods", nil))
}

// The cause that a client names is in the audit event of its request, which is
// written when the request is over: the client may have its answer before.
func TestCauseIsAudited(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	id := do(t, "POST", maps, `{"metadata":{"name":"a"}}`, cause.Header+": nodes/n@7").header.Get("Audit-ID")
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if event := audited(t, id); event != nil {
			if event["slowmo/cause"] != "nodes/n@7" || event["authorization.k8s.io/decision"] != "allow" {
				t.Errorf("annotations: %v", event)
			}
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no event %s in 30 seconds", id)
		}
	}
}

// audited returns the annotations of the event of a request; nil if it is not written yet.
func audited(t *testing.T, id string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(server.audit)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.SplitAfter(data, []byte("\n")) {
		var event struct {
			AuditID     string
			Annotations map[string]string
		}
		if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &event) == nil && event.AuditID == id {
			return event.Annotations
		}
	}
	return nil
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--secure-port 0", "--secure-port 0 is no port"},
		{"--service-cluster-ip-range x", "is no CIDR"},
		{"--service-node-port-range 5-1", "is no range"},
		{"--authorization-mode Maybe", "use Node, RBAC, AlwaysAllow or AlwaysDeny"},
		{"--tls-cert-file x", "go together"},
		{"--token-auth-file /does/not/exist", "--token-auth-file"},
		{"--audit-policy-file x", "--audit-policy-file"},
		{"--runtime-config nope/v1=true", "give a group version that is served"},
		{"--kubeconfig x", "not for the API server"},
		{"--nonsense", "unknown flag"},
	} {
		err := Main(t.Context(), strings.Fields(tt.args))
		if _, usage := err.(*component.UsageError); !usage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.args, err)
		}
	}
}
