package clients

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/features"
	clientfeatures "k8s.io/client-go/features/testing"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/pager"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// TestMapper: discovery leads from what a person types to what a client calls.
func TestMapper(t *testing.T) {
	client, err := discovery.NewDiscoveryClientForConfig(started(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
	for typed, want := range map[string]schema.GroupVersionKind{
		"po":     {Version: "v1", Kind: "Pod"},
		"svc":    {Version: "v1", Kind: "Service"},
		"cm":     {Version: "v1", Kind: "ConfigMap"},
		"deploy": {Group: "apps", Version: "v1", Kind: "Deployment"},
		"node":   {Version: "v1", Kind: "Node"},
		"lease":  {Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
		"pc":     {Group: "scheduling.k8s.io", Version: "v1", Kind: "PriorityClass"},
		"events": {Version: "v1", Kind: "Event"},
	} {
		resource, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: typed})
		if err != nil {
			t.Errorf("%s: %v", typed, err)
			continue
		}
		kind, err := mapper.KindFor(resource)
		if err != nil || kind != want {
			t.Errorf("%s is %v, want %v: %v", typed, kind, want, err)
		}
		mapping, err := mapper.RESTMapping(want.GroupKind(), want.Version)
		if err != nil || mapping.Resource != resource || (mapping.Scope.Name() == meta.RESTScopeNameRoot) != (want.Kind == "Node" || want.Kind == "PriorityClass") {
			t.Errorf("%v is mapped to %+v: %v", want, mapping, err)
		}
	}
	if _, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: "nonsense"}); !meta.IsNoMatchError(err) {
		t.Errorf("nonsense: %v", err)
	}
}

// TestDynamic: the client of no types reads, writes and watches, in JSON and in CBOR.
func TestDynamic(t *testing.T) {
	s := started(t)
	for _, cbor := range []bool{false, true} {
		t.Run(fmt.Sprintf("CBOR %t", cbor), func(t *testing.T) {
			clientfeatures.SetFeatureDuringTest(t, features.ClientsAllowCBOR, cbor)
			clientfeatures.SetFeatureDuringTest(t, features.ClientsPreferCBOR, cbor)
			client, err := dynamic.NewForConfig(s.Config())
			if err != nil {
				t.Fatal(err)
			}
			maps, name := client.Resource(configMaps).Namespace("default"), fmt.Sprintf("dynamic-%t", cbor)
			w, err := maps.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
				"metadata": map[string]any{"name": name}, "data": map[string]any{"a": "1"}}}
			made, err := maps.Apply(t.Context(), name, obj, metav1.ApplyOptions{FieldManager: "m"})
			if err != nil {
				t.Fatal(err)
			}
			if err := unstructured.SetNestedField(made.Object, "2", "data", "a"); err != nil {
				t.Fatal(err)
			}
			if _, err := maps.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"ADDED 1", "MODIFIED 2"} {
				e := next(t, w.ResultChan())
				value, _, _ := unstructured.NestedString(e.Object.(*unstructured.Unstructured).Object, "data", "a")
				if got := fmt.Sprint(e.Type, " ", value); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// TestMetadata: the client that sees only metadata lists, watches, patches and deletes any kind.
func TestMetadata(t *testing.T) {
	s := started(t)
	client, err := metadata.NewForConfig(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.Client(t), "a", "secret")
	maps := client.Resource(configMaps).Namespace("default")
	list, err := maps.List(t.Context(), metav1.ListOptions{LabelSelector: "made=here"})
	if err != nil || len(list.Items) != 1 || list.Items[0].UID == "" {
		t.Fatalf("list: %+v, %v", list, err)
	}
	w, err := maps.Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	patched, err := maps.Patch(t.Context(), "a", "application/merge-patch+json", []byte(`{"metadata":{"labels":{"b":"c"}}}`), metav1.PatchOptions{})
	if err != nil || patched.Labels["b"] != "c" {
		t.Fatalf("patch: %+v, %v", patched, err)
	}
	if err := maps.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "b=c"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []watch.EventType{watch.Modified, watch.Deleted} {
		e := next(t, w.ResultChan())
		if m, ok := e.Object.(*metav1.PartialObjectMetadata); !ok || e.Type != want || m.Labels["b"] != "c" {
			t.Errorf("got %v %v, want %s", e.Type, e.Object, want)
		}
	}
}

// TestPager: pages are one state, whatever is written while they are read.
func TestPager(t *testing.T) {
	c := started(t).Client(t)
	for i := range 20 {
		put(t, c, fmt.Sprintf("m%02d", i), "1")
	}
	pages, seen := 0, 0
	p := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		pages++
		list, err := c.CoreV1().ConfigMaps("default").List(ctx, o)
		for i := range 20 {
			put(t, c, fmt.Sprintf("m%02d", i), "2")
		}
		put(t, c, fmt.Sprintf("new%d", pages), "1")
		return list, err
	})
	p.PageSize, p.PageBufferSize = 3, 0
	err := p.EachListItem(t.Context(), metav1.ListOptions{LabelSelector: "made=here"}, func(obj runtime.Object) error {
		if m := obj.(*corev1.ConfigMap); m.Name != fmt.Sprintf("m%02d", seen) || m.Data["value"] != "1" {
			t.Errorf("item %d is %s=%s", seen, m.Name, m.Data["value"])
		}
		seen++
		return nil
	})
	if err != nil || seen != 20 || pages != 7 {
		t.Errorf("%d items on %d pages, %v", seen, pages, err)
	}
}

// TestEmptyLists: an empty list is none from the first answer on, tried or made,
// as it is after the server has read it from its store.
func TestEmptyLists(t *testing.T) {
	client, err := dynamic.NewForConfig(started(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	roles := client.Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}).Namespace("default")
	obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
		"metadata": map[string]any{"name": "a"}, "rules": []any{}}}
	expect := func(answer *unstructured.Unstructured, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if rules, there := answer.Object["rules"]; !there || rules != nil {
			t.Errorf("the rules are %#v", rules)
		}
	}
	for _, dryRun := range [][]string{{metav1.DryRunAll}, nil} {
		expect(roles.Create(t.Context(), obj, metav1.CreateOptions{DryRun: dryRun}))
	}
	obj.SetLabels(map[string]string{"a": "b"})
	for _, dryRun := range [][]string{{metav1.DryRunAll}, nil} {
		expect(roles.Update(t.Context(), obj, metav1.UpdateOptions{DryRun: dryRun}))
	}
	expect(roles.Get(t.Context(), "a", metav1.GetOptions{}))
}
