package apiserver

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"slowmo/pkg/api/all"
)

const tableType = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

func TestMediaTypes(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	run(t, []exchange{
		{"create from YAML", "POST", maps, "metadata:\n  name: a\ndata: {k: \"1\"}\n", []string{"Content-Type: application/yaml"}, 201, map[string]any{"data.k": 1}, nil},
		{"table", "GET", maps, "", []string{tableType}, 200, map[string]any{"kind": "Table", "apiVersion": "meta.k8s.io/v1",
			"columnDefinitions.0.name": "Name", "rows.0.cells.0": "a", "rows.0.object.kind": "PartialObjectMetadata", "rows.1": nil}, nil},
		{"table without objects", "GET", maps + "?includeObject=None", "", []string{tableType}, 200, map[string]any{"rows.0.object": nil, "rows.0.cells.0": "a"}, nil},
		{"table with whole objects", "GET", maps + "/a?includeObject=Object", "", []string{tableType}, 200, map[string]any{"rows.0.object.data.k": 1}, nil},
		{"table for old clients", "GET", maps, "", []string{"Accept: application/json;as=Table;v=v1beta1;g=meta.k8s.io"}, 200, map[string]any{"apiVersion": "meta.k8s.io/v1beta1",
			"rows.0.object.apiVersion": "meta.k8s.io/v1beta1"}, nil},
		{"metadata", "GET", maps + "/a", "", []string{"Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}, 200,
			map[string]any{"kind": "PartialObjectMetadata", "metadata.name": "a", "data": nil}, nil},
		{"metadata of many", "GET", maps, "", []string{"Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}, 200,
			map[string]any{"kind": "PartialObjectMetadataList", "items.0.kind": "PartialObjectMetadata"}, nil},
		{"default columns", "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin", "", []string{tableType}, 200,
			map[string]any{"columnDefinitions.1.name": "Created At"}, nil},
	})
	got := do(t, "GET", maps+"/a", "", "Accept: application/yaml")
	if !strings.HasPrefix(string(got.raw), "apiVersion: v1\ndata:\n  k: \"1\"\nkind: ConfigMap\n") {
		t.Errorf("YAML: %s", got.raw)
	}
	got = do(t, "GET", maps+"/a", "", "User-Agent: curl/8")
	if !strings.HasPrefix(string(got.raw), "{\n  \"kind\": \"ConfigMap\",\n") {
		t.Errorf("pretty: %s", got.raw)
	}
}

// Lists and single objects in protobuf are read by apimachinery's own decoder.
func TestProtobuf(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	decoder := protobuf.NewSerializer(all.Scheme(), all.Scheme())
	var body bytes.Buffer
	sent := &corev1.ConfigMap{Data: map[string]string{"k": "v"}}
	sent.APIVersion, sent.Kind, sent.Name = "v1", "ConfigMap", "a"
	if err := decoder.Encode(sent, &body); err != nil {
		t.Fatal(err)
	}
	proto := runtime.ContentTypeProtobuf
	got := do(t, "POST", maps, body.String(), "Content-Type: "+proto, "Accept: "+proto)
	made, _, err := decoder.Decode(got.raw, nil, nil)
	if err != nil || made.(*corev1.ConfigMap).Data["k"] != "v" || made.(*corev1.ConfigMap).UID == "" {
		t.Fatalf("create: %v %v", made, err)
	}
	do(t, "POST", maps, `{"metadata":{"name":"b"}}`)
	list, _, err := decoder.Decode(do(t, "GET", maps, "", "Accept: "+proto).raw, nil, nil)
	if err != nil || len(list.(*corev1.ConfigMapList).Items) != 2 || list.(*corev1.ConfigMapList).ResourceVersion == "" {
		t.Fatalf("list: %v %v", list, err)
	}
	status, _, err := decoder.Decode(do(t, "GET", maps+"/none", "", "Accept: "+proto).raw, nil, nil)
	if err != nil || !strings.Contains(fmt.Sprint(status), "NotFound") {
		t.Fatalf("status: %v %v", status, err)
	}
}

// What the server composes of kept CBOR is what apimachinery's serializer reads.
func TestCBOR(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	do(t, "POST", maps, `{"metadata":{"name":"a"},"data":{"k":"v"}}`)
	read := func(path, as string, into any) {
		t.Helper()
		got := do(t, "GET", maps+path, "", "Accept: application/cbor"+as)
		if got.header.Get("Content-Type") != "application/cbor" || !bytes.HasPrefix(got.raw, []byte{0xd9, 0xd9, 0xf7}) {
			t.Errorf("%s%s: %s %x", path, as, got.header.Get("Content-Type"), got.raw[:3])
		}
		if err := direct.Unmarshal(got.raw, into); err != nil {
			t.Errorf("%s%s: %v", path, as, err)
		}
	}
	var one corev1.ConfigMap
	read("/a", "", &one)
	if one.Kind != "ConfigMap" || one.APIVersion != "v1" || one.Data["k"] != "v" || len(one.ManagedFields) != 1 {
		t.Errorf("%v", one)
	}
	var many corev1.ConfigMapList
	read("", "", &many)
	if many.Kind != "ConfigMapList" || len(many.Items) != 1 || many.Items[0].Kind != "" || many.Items[0].Name != "a" {
		t.Errorf("%v", many)
	}
	var partial metav1.PartialObjectMetadataList
	read("", ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", &partial)
	if partial.Kind != "PartialObjectMetadataList" || len(partial.Items) != 1 || partial.Items[0].Kind != "PartialObjectMetadata" || partial.Items[0].Name != "a" {
		t.Errorf("%v", partial)
	}
	var table metav1.Table
	read("", ";as=Table;g=meta.k8s.io;v=v1", &table)
	if table.Kind != "Table" || len(table.Rows) != 1 || table.Rows[0].Cells[0] != "a" {
		t.Errorf("%v", table)
	}
	var status metav1.Status
	read("/none", "", &status)
	if status.Kind != "Status" || status.Code != 404 {
		t.Errorf("%v", status)
	}
	body, err := direct.Marshal(map[string]any{"metadata": map[string]any{"name": "b"}, "dada": 1})
	if err != nil {
		t.Fatal(err)
	}
	cbor := []string{"Content-Type: application/cbor"}
	run(t, []exchange{
		{"an unknown field", "POST", maps, string(body), cbor, 201, map[string]any{"metadata.name": "b"}, nil},
		{"an unknown field, strictly", "POST", maps + "?fieldValidation=Strict", string(body), cbor, 400, nil, nil},
		{"no CBOR", "POST", maps, "{}", cbor, 400, nil, nil},
		{"bad options", "DELETE", maps + "/b", "\xa1\x51propagationPolicy\x43Bad", cbor, 422, nil, nil},
	})
}

func TestPages(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	for i := range 5 {
		do(t, "POST", maps, fmt.Sprintf(`{"metadata":{"name":"c%d"}}`, i))
	}
	first := do(t, "GET", maps+"?limit=2", "")
	if first.at("metadata.remainingItemCount") != 3.0 || first.at("items.1.metadata.name") != "c1" || first.at("items.2") != nil {
		t.Fatalf("first page: %s", first.raw)
	}
	do(t, "DELETE", maps+"/c3", "")
	next := do(t, "GET", fmt.Sprintf("%s?limit=2&continue=%v", maps, first.at("metadata.continue")), "")
	if next.at("items.0.metadata.name") != "c2" || next.at("items.1.metadata.name") != "c3" {
		t.Errorf("the second page must be of the first one's state: %s", next.raw)
	}
	if next.at("metadata.resourceVersion") != first.at("metadata.resourceVersion") {
		t.Errorf("resourceVersion of the pages: %v and %v", first.at("metadata.resourceVersion"), next.at("metadata.resourceVersion"))
	}
	run(t, []exchange{
		{"a bad token", "GET", maps + "?continue=nonsense", "", nil, 400, map[string]any{"reason": "BadRequest"}, nil},
		{"by name", "GET", maps + "?fieldSelector=metadata.name%3Dc4", "", nil, 200, map[string]any{"items.0.metadata.name": "c4", "items.1": nil}, nil},
	})
}

func TestGzip(t *testing.T) {
	maps := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	do(t, "POST", maps, `{"metadata":{"name":"big"},"data":{"k":"`+strings.Repeat("x", 200<<10)+`"}}`)
	got := do(t, "GET", maps+"/big", "", "Accept-Encoding: gzip")
	if got.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers: %v", got.header)
	}
	zip, err := gzip.NewReader(bytes.NewReader(got.raw))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(zip); err != nil || len(plain) < 200<<10 {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	if got := do(t, "GET", maps+"/big", "", "Accept-Encoding: identity"); got.header.Get("Content-Encoding") != "" {
		t.Errorf("compressed for a client that does not want it")
	}
}

func TestDiscovery(t *testing.T) {
	joined := "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
	run(t, []exchange{
		{"core versions", "GET", "/api", "", nil, 200, map[string]any{"kind": "APIVersions", "versions.0": "v1"}, nil},
		{"groups", "GET", "/apis", "", nil, 200, map[string]any{"kind": "APIGroupList", "groups.0.name": "apiregistration.k8s.io", "groups.0.kind": nil}, nil},
		{"a group", "GET", "/apis/apps", "", nil, 200, map[string]any{"kind": "APIGroup", "preferredVersion.groupVersion": "apps/v1"}, nil},
		{"a version", "GET", "/apis/apps/v1", "", nil, 200, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1"}, nil},
		{"the core version", "GET", "/api/v1", "", nil, 200, map[string]any{"kind": "APIResourceList", "apiVersion": nil}, nil},
		{"no such version", "GET", "/apis/apps/v9", "", nil, 404, nil, nil},
		{"all groups in one", "GET", "/apis", "", []string{joined}, 200, map[string]any{"kind": "APIGroupDiscoveryList", "items.0.metadata.name": "apiregistration.k8s.io"}, nil},
		{"version", "GET", "/version", "", nil, 200, map[string]any{"gitVersion": "v1.37.2", "major": 1, "minor": 37}, nil},
	})
	got := do(t, "GET", "/apis", "", joined)
	again := do(t, "GET", "/apis", "", joined, "If-None-Match: "+got.header.Get("ETag"))
	if again.code != http.StatusNotModified {
		t.Errorf("the same document again: %d", again.code)
	}
}

func TestHealth(t *testing.T) {
	for path, want := range map[string]string{
		"/readyz?verbose": "[+]poststarthook/bootstrap ok", "/livez?verbose&exclude=etcd": "[+]etcd excluded: ok",
		"/readyz/etcd": "ok", "/healthz": "ok",
		"/statusz": "\nBinary version: 1.37.2\nEmulation version: 1.37\nPaths: /.well-known/", "/flagz": "kube-apiserver flags\nWarning: ",
	} {
		if got := do(t, "GET", path, ""); got.code != 200 || !strings.Contains(string(got.raw), want) {
			t.Errorf("%s: %d %s", path, got.code, got.raw)
		}
	}
	metrics := string(do(t, "GET", "/metrics", "").raw)
	for _, name := range []string{"apiserver_request_total", "apiserver_request_duration_seconds", "apiserver_current_inflight_requests",
		"apiserver_resource_objects", "apiserver_storage_size_bytes", "etcd_request_duration_seconds", "kubernetes_build_info"} {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
}
