package cause

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
)

func TestSetKeepsTheNewestRevisionOfAnObject(t *testing.T) {
	pod := func(name, rv string) Ref { return Ref{"pods", "default", name, rv} }
	for _, c := range []struct {
		name string
		have Set
		add  []Ref
		want string
	}{
		{"empty", nil, nil, ""},
		{"first", nil, []Ref{pod("a", "1")}, "pods/default/a@1"},
		{"newer replaces", Set{pod("a", "9")}, []Ref{pod("a", "10")}, "pods/default/a@10"},
		{"older is ignored", Set{pod("a", "10")}, []Ref{pod("a", "9")}, "pods/default/a@10"},
		{"two objects", Set{pod("a", "1")}, []Ref{{"nodes", "", "n", "2"}}, "pods/default/a@1,nodes/n@2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.have.With(c.add...).String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSetIsBounded(t *testing.T) {
	var set Set
	for i := range 3 * Max {
		set = set.With(Ref{"pods", "default", "p" + strconv.Itoa(i), "1"})
	}
	if len(set) != Max || set[Max-1].Name != "p"+strconv.Itoa(3*Max-1) {
		t.Errorf("%d refs, last %s", len(set), set[len(set)-1])
	}
	if got := Parse(set.String() + "," + set.String()); len(got) != Max {
		t.Errorf("Parse kept %d", len(got))
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"pods/default/a@7":                     "pods/default/a@7",
		" nodes/n@1 , deployments.apps/d/h@2 ": "nodes/n@1,deployments.apps/d/h@2",
		"nonsense":                             "",
		"pods//a@7,pods/a@,@1,a/b/c/d@1":       "",
	} {
		if got := Parse(in).String(); got != want {
			t.Errorf("Parse(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTransportSendsTheContextsCauses(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get(Header) }))
	defer server.Close()
	client := http.Client{Transport: Transport(http.DefaultTransport)}
	for _, refs := range [][]Ref{nil, {{"pods", "ns", "a", "5"}}} {
		req, _ := http.NewRequestWithContext(With(context.Background(), refs...), "GET", server.URL, nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if want := Set(refs).String(); got != want {
			t.Errorf("header %q, want %q", got, want)
		}
	}
}

func TestQueueGathersCausesAndKeepsThemOverARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		q := NewQueue[string]("test")
		q.Add("k", Ref{"pods", "ns", "a", "1"})
		q.Add("k", Ref{"pods", "ns", "b", "2"})
		var seen []string
		q.Add("k")
		q.Run(ctx, 1, func(ctx context.Context, key string) error {
			seen = append(seen, From(ctx).String())
			if len(seen) == 1 {
				q.Add("k", Ref{"pods", "ns", "b", "3"})
				return errors.New("once")
			}
			cancel()
			return nil
		})
		want := []string{"pods/ns/a@1,pods/ns/b@2", "pods/ns/a@1,pods/ns/b@3"}
		if len(seen) != 2 || seen[0] != want[0] {
			t.Fatalf("seen %q, want %q", seen, want)
		}
		if seen[1] != want[1] && seen[1] != "pods/ns/b@3,pods/ns/a@1" {
			t.Errorf("retry was caused by %q, want %q", seen[1], want[1])
		}
	})
}
