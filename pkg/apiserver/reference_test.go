package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordedStep is one request of testdata/reference/requests.jsonl.
type recordedStep struct {
	ID     string          `json:"id"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"` // a string is sent as it is, anything else as JSON
	Type   string          `json:"type"`
	Accept string          `json:"accept"`
}

// recordedAnswer is what a server said to a step, without what differs from run to run.
type recordedAnswer struct {
	ID      string   `json:"id"`
	Code    int      `json:"code"`
	Warning []string `json:"warning"`
	Body    any      `json:"body"`
}

// TestReference sends the requests of testdata/reference to an empty server and
// compares each answer with that of kube-apiserver 1.37.2. Those that differ,
// and only those, stand with their reasons in docs/differences.md.
func TestReference(t *testing.T) {
	o, err := testOptions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.DisableAdmission = []string{"ServiceAccount"}
	o.ServiceRange, o.AdvertiseAddress = "10.96.0.0/16", "192.0.2.2"
	s, err := launch(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	known, err := os.ReadFile("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	steps, want := recorded(t)
	same := 0
	for _, step := range steps {
		if strings.HasPrefix(step.ID, "get/FlowSchema/") {
			s.awaitField(t, step.Path, "status.conditions.0")
		}
		got := s.ask(t, step)
		excused := bytes.Contains(known, []byte("`"+step.ID+"`"))
		switch differing := differences(want[step.ID], got); {
		case len(differing) == 0 && excused:
			t.Errorf("%s answers the same now: take it out of docs/differences.md", step.ID)
		case len(differing) == 0:
			same++
		case !excused:
			t.Errorf("%s: %s", step.ID, strings.Join(differing[:min(3, len(differing))], "; "))
		}
	}
	t.Logf("%d of %d same", same, len(steps))
}

// awaitField returns once what a path leads to has a field, which the server
// itself writes some time after the object was made.
func (s *started) awaitField(t *testing.T, path, field string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); ; {
		got, err := s.send("GET", s.url+path, "", "Authorization: Bearer admin-token")
		if err != nil {
			t.Fatal(err)
		}
		if got.at(field) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s has no %s", path, field)
		}
	}
}

func recorded(t *testing.T) (steps []recordedStep, want map[string]recordedAnswer) {
	t.Helper()
	requests, err := os.ReadFile("testdata/reference/requests.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(requests) {
		var s recordedStep
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s)
	}
	answers, err := os.ReadFile("testdata/reference/answers.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]recordedAnswer{}
	for line := range bytes.Lines(answers) {
		var a recordedAnswer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		a.Body = steady("", a.Body)
		want[a.ID] = a
	}
	return steps, want
}

func (s *started) ask(t *testing.T, step recordedStep) recordedAnswer {
	t.Helper()
	body := []byte(step.Body)
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	}
	req, err := http.NewRequest(step.Method, s.url+step.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": "Bearer admin-token", "Content-Type": step.Type, "Accept": step.Accept, "User-Agent": "replay"} {
		if value == "" {
			value = "application/json"
		}
		req.Header.Set(name, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := recordedAnswer{ID: step.ID, Code: resp.StatusCode, Warning: resp.Header["Warning"], Body: string(raw)}
	var object any
	if json.Unmarshal(raw, &object) == nil {
		got.Body = steady("", object)
	}
	return got
}

// What differs from run to run: fields that are left out, fields whose value is
// masked, and patterns in any text.
var (
	left   = []string{"managedFields", "selfLink", "serverAddressByClientCIDRs"}
	varied = []string{"uid", "resourceVersion", "continue", "clusterIP", "nodePort", "remainingItemCount", "healthCheckNodePort", "storageVersionHash"}
	inText = []struct {
		pattern *regexp.Regexp
		mask    string
	}{
		{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`), "<time>"},
		{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uid>"},
		{regexp.MustCompile(`\b10\.96\.\d+\.\d+\b`), "<ip>"},
		{regexp.MustCompile(`:3\d{4}/`), ":<nodeport>/"},
		{regexp.MustCompile(`\bBad_[a-z0-9]{5}\b`), "Bad_<random>"},
		{regexp.MustCompile(`^\d+s$`), "<age>"},
	}
)

// steady returns a decoded JSON value, which stands under a key, without what
// differs from run to run.
func steady(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			switch {
			case slices.Contains(left, k):
			case slices.Contains(varied, k) && x != "" && x != float64(0) && x != nil && x != "None":
				out[k] = "<" + k + ">"
			default:
				out[k] = steady(k, x)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			if out[i] = steady(key, x); key == "clusterIPs" && x != "None" {
				out[i] = "<ip>"
			}
		}
		return out
	case string:
		for _, p := range inText {
			v = p.pattern.ReplaceAllString(v, p.mask)
		}
		return v
	}
	return value
}

// differences lists the paths at which two answers differ.
func differences(want, got recordedAnswer) []string {
	var all []string
	compare("", map[string]any{"code": want.Code, "warning": texts(want.Warning), "body": want.Body},
		map[string]any{"code": got.Code, "warning": texts(got.Warning), "body": got.Body}, &all)
	return all
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, text := range list {
		out[i] = text
	}
	return out
}

func compare(at string, want, got any, all *[]string) {
	if w, ok := want.(map[string]any); ok {
		if g, ok := got.(map[string]any); ok {
			keys := map[string]bool{}
			for k := range w {
				keys[k] = true
			}
			for k := range g {
				keys[k] = true
			}
			for k := range keys {
				compare(at+"."+k, w[k], g[k], all)
			}
			return
		}
	}
	w, isList := want.([]any)
	g, both := got.([]any)
	if isList && both && len(w) == len(g) {
		for i := range w {
			compare(fmt.Sprintf("%s[%d]", at, i), w[i], g[i], all)
		}
		return
	}
	if !reflect.DeepEqual(want, got) {
		*all = append(*all, fmt.Sprintf("%s want %.200s got %.200s", at, fmt.Sprint(want), fmt.Sprint(got)))
	}
}
