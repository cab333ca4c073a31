package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

// counted is a ConfigMap that counts how often each of its revisions is encoded.
type counted struct{ corev1.ConfigMap }

// encodings are by form and revision.
var encodings struct {
	sync.Mutex
	of map[string]int
}

func (c *counted) count(form string) {
	if c.ResourceVersion == "" {
		return // field management looks at what is no revision yet
	}
	encodings.Lock()
	defer encodings.Unlock()
	encodings.of[form+" of "+c.ResourceVersion]++
}

func (c *counted) DeepCopyObject() runtime.Object { return &counted{*c.ConfigMap.DeepCopy()} }

func (c *counted) MarshalJSON() ([]byte, error) {
	c.count("JSON")
	return json.Marshal(&c.ConfigMap)
}

func (c *counted) Marshal() ([]byte, error) {
	c.count("protobuf")
	return c.ConfigMap.Marshal()
}

// TestEncodedOnce has many clients read, list and watch the same revisions in
// all media types at once: no revision is encoded twice for one of them.
func TestEncodedOnce(t *testing.T) {
	encodings.of = map[string]int{}
	server := serve(t, &api.Resource{Version: "v1", Kind: "Counted", Plural: "counteds", Namespaced: true,
		New: func() api.Object { return &counted{} }, NewList: func() runtime.Object { return &corev1.ConfigMapList{} }})
	const path, objects, readers = "/api/v1/namespaces/default/counteds", 5, 8
	accepts := []string{"application/json", "application/vnd.kubernetes.protobuf", "application/json;as=Table;v=v1;g=meta.k8s.io"}
	var group sync.WaitGroup
	for range readers {
		answer := do(t, server, http.MethodGet, path+"?watch=1&resourceVersion=0", accepts[0], "")
		group.Go(func() {
			defer answer.Body.Close()
			events := bufio.NewReader(answer.Body)
			for range objects {
				if _, err := events.ReadString('\n'); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range objects {
		read(t, do(t, server, http.MethodPost, path, accepts[i%2], fmt.Sprintf(`{"metadata":{"name":"a%d"}}`, i)))
	}
	for _, accept := range accepts {
		for range readers {
			group.Go(func() {
				read(t, do(t, server, http.MethodGet, path, accept, ""))
				for i := range objects {
					read(t, do(t, server, http.MethodGet, fmt.Sprintf("%s/a%d", path, i), accept, ""))
				}
			})
		}
	}
	group.Wait()
	if len(encodings.of) < 2*objects {
		t.Errorf("only these were encoded: %v", encodings.of)
	}
	for what, n := range encodings.of {
		if n != 1 {
			t.Errorf("%s: encoded %d times", what, n)
		}
	}
}

// serve serves one resource to everybody.
func serve(t *testing.T, resource *api.Resource) *httptest.Server {
	t.Helper()
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(resource.GroupVersionKind(), resource.New())
	handler, err := NewHandler(Config{Resources: []*api.Resource{resource}, Store: storetest.New(t, resource), Scheme: scheme, Admission: admitAll{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := &request.State{Info: request.Parse(r), User: &request.User{Name: "admin"}}
		handler.ServeHTTP(w, r.WithContext(request.With(r.Context(), state)))
	}))
	t.Cleanup(server.Close)
	return server
}

type admitAll struct{}

func (admitAll) Mutate(context.Context, *request.Attributes) error   { return nil }
func (admitAll) Validate(context.Context, *request.Attributes) error { return nil }

func do(t *testing.T, server *httptest.Server, method, path, accept, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func read(t *testing.T, answer *http.Response) {
	t.Helper()
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Errorf("%d %s, %v", answer.StatusCode, body, err)
	}
}
