package compare

import (
	"net/http"
	"slices"
	"testing"
)

// TestJudge: what must differ is masked, and nothing else is.
func TestJudge(t *testing.T) {
	const object = `{"metadata":{"name":"x-bcdfg","uid":"4f8d3c52-5d7f-4b1e-9f0a-000000000001","resourceVersion":"7"},"spec":{"clusterIP":"10.96.3.4","nodePort":31234}}`
	judge := mask{server: "127.0.0.1:6443", sent: `{"nodePort":31234}`}
	judge.generated("x-")
	tests := []struct {
		name, contentType, theirs, ours string
		want                            []string
	}{
		{"the same", "application/json", object, object, nil},
		{"what a server draws", "application/json", object, `{"metadata":{"name":"x-zzzzz","uid":"4f8d3c52-5d7f-4b1e-9f0a-000000000002","resourceVersion":"9"},"spec":{"clusterIP":"10.96.7.8","nodePort":31234}}`, nil},
		{"what a client asked for", "application/json", object, `{"metadata":{"name":"x-bcdfg","uid":"","resourceVersion":"7"},"spec":{"clusterIP":"10.96.3.4","nodePort":31235}}`,
			[]string{`.value.metadata.uid: upstream "<uid>", ours ""`, `.value.spec.nodePort: upstream 31234, ours "<drawn>"`}},
		{"lists", "application/json", `{"a":[1,2]}`, `{"a":[1]}`, []string{`.value.a.length: upstream 2, ours 1`, `.value.a[1]: upstream 2, ours nothing`}},
		{"layout", "application/json", "{}\n", "{}", []string{`.layout.ends a line: upstream true, ours false`}},
		{"text", "text/plain", "resource version: 5 (10) at 127.0.0.1:6443", "resource version: 6 (12) of 127.0.0.1:6443",
			[]string{`: upstream "resource version: <version> at <server>", ours "resource version: <version> of <server>"`}},
	}
	for _, test := range tests {
		masked := func(body string) any { return judge.value("", decode(test.contentType, []byte(body))) }
		if got := differences("", masked(test.theirs), masked(test.ours)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	header := judge.header(http.Header{"Date": {"now"}, "Warning": {`299 - "a"`}})
	if got := differences("", header, map[string]any{}); !slices.Equal(got, []string{`.Warning: upstream ["299 - \"a\""], ours nothing`}) {
		t.Errorf("headers: %q", got)
	}
}

// TestExcept: a step names the values that differ, and only those are let pass.
func TestExcept(t *testing.T) {
	found := []string{`.body.value.items[3].metadata.managedFields: upstream [], ours nothing`, `.code: upstream 200, ours 201`}
	s := step{Except: map[string]string{"items.metadata.managedFields": "why", "metadata": "why"}}
	rest, unused := s.except(found)
	if !slices.Equal(rest, found[1:]) || !slices.Equal(unused, []string{"metadata"}) {
		t.Errorf("%q are left and %q unused", rest, unused)
	}
}
