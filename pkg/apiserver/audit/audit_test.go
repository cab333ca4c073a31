package audit

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slowmo/pkg/apiserver/request"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// audited sends one request through the log and returns the lines.
func audited(t *testing.T, verb string, handler http.HandlerFunc) []map[string]any {
	t.Helper()
	out := &buffer{}
	state := &request.State{
		Received: time.Now(),
		AuditID:  "id-1",
		User:     &request.User{Name: "alice", Groups: []string{"dev"}},
		Info:     &request.Info{IsResource: true, Verb: verb, APIVersion: "v1", Resource: "pods", Namespace: "ns", Name: "web"},
	}
	r := httptest.NewRequest("GET", "/api/v1/namespaces/ns/pods/web?x=1", nil)
	r = r.WithContext(request.With(r.Context(), state))
	w := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }()
		(&Log{out: out}).Audit(handler).ServeHTTP(w, r)
	}()
	if got := w.Header().Get(Header); got != "id-1" {
		t.Errorf("the answer names event %q", got)
	}
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, event)
	}
	return lines
}

func TestEvent(t *testing.T) {
	lines := audited(t, "get", func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		state.Annotate("authorization.k8s.io/decision", "allow")
		state.User = &request.User{Name: "bob"}
		http.Error(w, `{"kind":"Status","status":"Failure","reason":"NotFound","message":"pods \"web\" not found"}`, 404)
	})
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	got := lines[0]
	for path, want := range map[string]any{
		"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
		"auditID": "id-1", "verb": "get", "requestURI": "/api/v1/namespaces/ns/pods/web?x=1",
		"user.username": "alice", "impersonatedUser.username": "bob",
		"objectRef.resource": "pods", "objectRef.name": "web",
		"responseStatus.code": 404.0, "responseStatus.reason": "NotFound",
		"annotations.authorization.k8s.io/decision": "allow",
	} {
		if value := dig(got, path); value != want {
			t.Errorf("%s is %v, want %v", path, value, want)
		}
	}
}

// dig follows one dot, if there is one.
func dig(m map[string]any, path string) any {
	first, rest, found := strings.Cut(path, ".")
	if !found {
		return m[first]
	}
	inner, _ := m[first].(map[string]any)
	return inner[rest]
}

func TestWatchIsWrittenWhenItBegins(t *testing.T) {
	var stages []any
	for _, line := range audited(t, "watch", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }) {
		stages = append(stages, line["stage"])
	}
	if len(stages) != 2 || stages[0] != "ResponseStarted" || stages[1] != "ResponseComplete" {
		t.Errorf("stages %v", stages)
	}
}

func TestPanicIsWritten(t *testing.T) {
	lines := audited(t, "get", func(http.ResponseWriter, *http.Request) { panic("oh") })
	if len(lines) != 1 || lines[0]["stage"] != "Panic" || dig(lines[0], "responseStatus.code") != 500.0 {
		t.Errorf("lines %v", lines)
	}
}
