package openapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"

	"slowmo/pkg/api/all"
)

// handler is shared: a document is built once.
var handler = sync.OnceValue(newHandler)

func newHandler() http.Handler { return New(all.Resources(), all.Scheme(), "v1.37.2") }

func get(t *testing.T, h http.Handler, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// jsonAt walks a decoded document.
func jsonAt(t *testing.T, body []byte, path ...string) map[string]any {
	t.Helper()
	var at any
	if err := json.Unmarshal(body, &at); err != nil {
		t.Fatal(err)
	}
	for i, key := range path {
		m, ok := at.(map[string]any)
		if !ok || m[key] == nil {
			t.Fatalf("nothing at %v", path[:i+1])
		}
		at = m[key]
	}
	return at.(map[string]any)
}

func TestSwaggerSchemas(t *testing.T) {
	body := get(t, handler(), "/openapi/v2", "").Body.Bytes()
	for _, c := range []struct {
		path []string
		want string
	}{
		{[]string{"io.k8s.api.core.v1.PodSpec", "properties", "containers"},
			`{"items":{"$ref":"#/definitions/io.k8s.api.core.v1.Container"},"type":"array","x-kubernetes-list-map-keys":["name"],"x-kubernetes-list-type":"map","x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}`},
		{[]string{"io.k8s.api.core.v1.Container", "properties", "command"},
			`{"items":{"type":"string"},"type":"array","x-kubernetes-list-type":"atomic"}`},
		{[]string{"io.k8s.apimachinery.pkg.api.resource.Quantity"}, `{"type":"string"}`},
		{[]string{"io.k8s.apimachinery.pkg.apis.meta.v1.Time"}, `{"format":"date-time","type":"string"}`},
		{[]string{"io.k8s.apimachinery.pkg.util.intstr.IntOrString"}, `{"format":"int-or-string","type":"string"}`},
		{[]string{"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"}, `{"type":"object"}`},
		{[]string{"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"}, `{}`},
		{[]string{"io.k8s.api.core.v1.Secret", "properties", "data"},
			`{"additionalProperties":{"format":"byte","type":"string"},"type":"object"}`},
	} {
		got := jsonAt(t, body, append([]string{"definitions"}, c.path...)...)
		delete(got, "description")
		if text, _ := json.Marshal(got); string(text) != c.want {
			t.Errorf("%v:\n got %s\nwant %s", c.path, text, c.want)
		}
	}
	kinds := jsonAt(t, body, "definitions", "io.k8s.api.apps.v1.Deployment")["x-kubernetes-group-version-kind"]
	if text, _ := json.Marshal(kinds); string(text) != `[{"group":"apps","kind":"Deployment","version":"v1"}]` {
		t.Errorf("kinds of Deployment: %s", text)
	}
}

func TestOperations(t *testing.T) {
	body := get(t, handler(), "/openapi/v2", "").Body.Bytes()
	const one = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
	patch := jsonAt(t, body, "paths", one, "patch")
	if patch["operationId"] != "patchAppsV1NamespacedDeployment" {
		t.Errorf("operationId: %v", patch["operationId"])
	}
	var names []string
	for _, p := range patch["parameters"].([]any) {
		names = append(names, p.(map[string]any)["name"].(string))
	}
	if want := []string{"body", "dryRun", "fieldManager", "fieldValidation", "force"}; !slices.Equal(names, want) {
		t.Errorf("parameters of patch: got %v, want %v", names, want)
	}
	scale := jsonAt(t, body, "paths", one+"/scale", "put")
	if kind, _ := json.Marshal(scale["x-kubernetes-group-version-kind"]); string(kind) != `{"group":"autoscaling","kind":"Scale","version":"v1"}` {
		t.Errorf("kind of scale: %s", kind)
	}
	jsonAt(t, body, "paths", "/api/v1/pods", "get")
	jsonAt(t, body, "paths", "/api/v1/namespaces/{namespace}/pods/{name}/exec", "post")
}

func TestEncodings(t *testing.T) {
	h := handler()
	for _, c := range []struct{ path, accept, want string }{
		{"/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"},
		{"/openapi/v2", "application/json", "application/json"},
		{"/openapi/v2", "*/*", "application/json"},
		{"/openapi/v3/apis/apps/v1", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"},
		{"/openapi/v3/api/v1", "", "application/json"},
	} {
		w := get(t, h, c.path, c.accept)
		if w.Code != 200 || w.Header().Get("Content-Type") != c.want || w.Header().Get("ETag") == "" {
			t.Errorf("%s as %q: %d %v", c.path, c.accept, w.Code, w.Header())
		}
	}
	if w := get(t, h, "/openapi/v2", "text/html"); w.Code != http.StatusNotAcceptable {
		t.Errorf("as HTML: %d", w.Code)
	}
	var doc openapi_v2.Document
	if err := proto.Unmarshal(get(t, h, "/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.GetDefinitions().GetAdditionalProperties()) < 200 {
		t.Errorf("only %d definitions in protobuf", len(doc.GetDefinitions().GetAdditionalProperties()))
	}
}

func TestIndexAndHashes(t *testing.T) {
	h := handler()
	var index struct {
		Paths map[string]struct {
			URL string `json:"serverRelativeURL"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(get(t, h, "/openapi/v3", "").Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	url := index.Paths["apis/apps/v1"].URL
	if !strings.HasPrefix(url, "/openapi/v3/apis/apps/v1?hash=") {
		t.Fatalf("address of apps/v1: %q", url)
	}
	if w := get(t, h, url, ""); w.Code != 200 || w.Header().Get("Cache-Control") != "public, immutable" {
		t.Errorf("with the hash: %d %v", w.Code, w.Header())
	}
	if w := get(t, h, "/openapi/v3/apis/apps/v1?hash=OLD", ""); w.Code != 301 || w.Header().Get("Location") != url {
		t.Errorf("with an old hash: %d, to %q", w.Code, w.Header().Get("Location"))
	}
	if w := get(t, h, "/openapi/v3/apis/nope/v1", ""); w.Code != 404 {
		t.Errorf("unknown group-version: %d", w.Code)
	}
	etag := get(t, h, url, "").Header().Get("ETag")
	r := httptest.NewRequest("GET", url, nil)
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified {
		t.Errorf("unchanged document: %d", w.Code)
	}
}

// TestReferences holds that every reference in every document leads somewhere.
func TestReferences(t *testing.T) {
	h := handler()
	check := func(path string, at ...string) {
		body := get(t, h, path, "").Body.Bytes()
		schemas := jsonAt(t, body, at...)
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				if ref, ok := v["$ref"].(string); ok && schemas[ref[strings.LastIndex(ref, "/")+1:]] == nil {
					t.Errorf("%s: %s leads nowhere", path, ref)
				}
				for _, child := range v {
					walk(child)
				}
			case []any:
				for _, child := range v {
					walk(child)
				}
			}
		}
		walk(jsonAt(t, body))
	}
	check("/openapi/v2", "definitions")
	for _, r := range all.Resources() {
		check("/openapi/v3"+rootOf(r.GroupVersionKind().GroupVersion()), "components", "schemas")
	}
}

func BenchmarkSwagger(b *testing.B) {
	for b.Loop() {
		w := httptest.NewRecorder()
		newHandler().ServeHTTP(w, httptest.NewRequest("GET", "/openapi/v2", nil))
		b.ReportMetric(float64(w.Body.Len()), "bytes")
	}
}

// TestFacts: what only the sources' comments say is in the documents.
func TestFacts(t *testing.T) {
	facts, err := readFacts()
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"io.k8s.api.core.v1.ServicePort.protocol":    "SCTP TCP UDP",
		"io.k8s.api.apps.v1.DeploymentStrategy.type": "Recreate RollingUpdate",
	} {
		if got := strings.Join(facts.Enums[field], " "); got != want {
			t.Errorf("%s can be %q, want %q", field, got, want)
		}
	}
	if got := facts.Required["io.k8s.api.storage.v1.CSINodeDriver"]; strings.Join(got, " ") != "name nodeID" {
		t.Errorf("a CSI node's driver needs %q", got)
	}
}
