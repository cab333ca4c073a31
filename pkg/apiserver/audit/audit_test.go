package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/apiserver/request"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// audited sends one request through a log with a policy and returns the lines.
func audited(t *testing.T, policy *Policy, verb string, handler http.HandlerFunc) []map[string]any {
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
		(&Log{policy: policy, out: out}).Audit(handler).ServeHTTP(w, r)
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
	lines := audited(t, everything, "get", func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		state.Annotate("authorization.k8s.io/decision", "allow")
		state.User = &request.User{Name: "bob"}
		state.NoteStatus(&metav1.Status{Status: "Failure", Reason: "NotFound", Message: `pods "web" not found`, Code: 404})
		w.WriteHeader(404)
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

func TestStages(t *testing.T) {
	write := func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }
	nothing := func(http.ResponseWriter, *http.Request) {}
	oops := func(http.ResponseWriter, *http.Request) { panic("oh") }
	all := &Policy{Rules: []Rule{{Level: LevelMetadata}}}
	some := &Policy{Rules: []Rule{{Level: LevelMetadata, OmitStages: []Stage{ResponseStarted}}}, OmitStages: []Stage{RequestReceived}}
	for _, tt := range []struct {
		name    string
		policy  *Policy
		verb    string
		handler http.HandlerFunc
		want    string
	}{
		{"a read", all, "get", write, "[RequestReceived ResponseComplete/200]"},
		{"a watch", all, "watch", write, "[RequestReceived ResponseStarted/200 ResponseComplete/200]"},
		{"a watch that ends at once", all, "watch", nothing, "[RequestReceived ResponseStarted/200 ResponseComplete/200]"},
		{"a panic", all, "get", oops, "[RequestReceived Panic/500]"},
		{"stages left out", some, "watch", write, "[ResponseComplete/200]"},
		{"without a policy", everything, "get", write, "[ResponseComplete/200]"},
		{"nothing", &Policy{Rules: []Rule{{Level: LevelNone}}}, "get", write, "[]"},
		{"no rule", &Policy{}, "get", write, "[]"},
	} {
		got := []string{}
		for _, line := range audited(t, tt.policy, tt.verb, tt.handler) {
			stage := fmt.Sprint(line["stage"])
			if code := dig(line, "responseStatus.code"); code != nil {
				stage += fmt.Sprint("/", code)
			}
			got = append(got, stage)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestBodies(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}}}
	handler := func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		state.NoteRequest(pod)
		state.NoteResponse(func() ([]byte, error) {
			return []byte(`{"items":[{"metadata":{"name":"p","managedFields":[]}}]}`), nil
		})
		w.WriteHeader(201)
	}
	for _, tt := range []struct {
		level                       Level
		omit, sent, answer, managed bool
	}{
		{LevelMetadata, false, false, false, false},
		{LevelRequest, false, true, false, true},
		{LevelRequestResponse, false, true, true, true},
		{LevelRequestResponse, true, true, true, false},
	} {
		policy := &Policy{Rules: []Rule{{Level: tt.level}}, OmitManagedFields: tt.omit, OmitStages: []Stage{RequestReceived}}
		line := audited(t, policy, "create", handler)[0]
		if line["level"] != string(tt.level) || (line["requestObject"] != nil) != tt.sent || (line["responseObject"] != nil) != tt.answer ||
			strings.Contains(fmt.Sprint(line), "managedFields") != tt.managed {
			t.Errorf("%s: %v", tt.level, line)
		}
		if dig(line, "objectRef.uid") != "u" || dig(line, "objectRef.name") != "web" {
			t.Errorf("%s: %v", tt.level, line["objectRef"])
		}
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Path: filepath.Join(dir, "log", "audit"), MaxSize: 1, MaxBackups: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.write(event{RequestURI: strings.Repeat("x", 600<<10)})
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "log", "audit*"))
	if err != nil || len(files) < 2 {
		t.Errorf("%v %v", files, err)
	}
	if _, err := Open(Config{Path: dir}); err == nil {
		t.Error("a folder was taken for a file")
	}
}
