package garbage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"slowmo/pkg/component/cause"
)

// stored is a node as the server has it.
func stored(n *node) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Thing"},
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: n.name, UID: n.uid, OwnerReferences: n.owners},
	}
	if n.deleting {
		now := metav1.Now()
		out.DeletionTimestamp = &now
	}
	if n.foreground {
		out.Finalizers = append(out.Finalizers, metav1.FinalizerDeleteDependents)
	}
	if n.orphan {
		out.Finalizers = append(out.Finalizers, "example.com/other", metav1.FinalizerOrphanDependents)
	}
	return out
}

// collector makes a controller whose server has these things, and whose graph has
// those of them that are not hidden.
func collector(t *testing.T, there []*node, hidden ...string) (*Controller, *metadatafake.FakeMetadataClient) {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var objects []runtime.Object
	for _, n := range there {
		objects = append(objects, stored(n))
	}
	client := metadatafake.NewSimpleMetadataClient(scheme, objects...)
	kind := schema.GroupVersionKind{Version: "v1", Kind: "Thing"}
	c := &Controller{queue: cause.NewQueue[types.UID]("test"), graph: newGraph(), metadata: client,
		monitors: &monitors{kinds: map[schema.GroupVersionKind]resource{kind: {things, true}}}}
	for _, n := range there {
		if !slices.Contains(hidden, n.name) {
			c.graph.observe(n)
		}
	}
	return c, client
}

// writes lists what was written: "delete b Background", "patch b <body>".
func writes(client *metadatafake.FakeMetadataClient) string {
	var out []string
	for _, action := range client.Actions() {
		switch a := action.(type) {
		case clienttesting.DeleteActionImpl:
			out = append(out, fmt.Sprintf("delete %s %s", a.Name, *a.DeleteOptions.PropagationPolicy))
		case clienttesting.PatchActionImpl:
			out = append(out, fmt.Sprintf("patch %s %s", a.Name, a.Patch))
		}
	}
	return strings.Join(out, "\n")
}

func TestSync(t *testing.T) {
	for _, c := range []struct {
		name   string
		there  []*node
		hidden []string
		look   string
		want   string
	}{
		{"its owner stands", []*node{thing("a"), thing("b", "a")}, nil, "b", ""},
		{"its owner stands, though the cache does not have it", []*node{thing("a"), thing("b", "a")}, []string{"a"}, "b", ""},
		{"its owner is gone", []*node{thing("b", "a")}, nil, "b", "delete b Background"},
		{"another took its owner's name", []*node{thing("b", "a"), with(thing("a2"), func(n *node) { n.name = "a" })}, nil, "b", "delete b Background"},
		{"one of two owners is gone", []*node{thing("x"), thing("b", "a", "x")}, nil, "b",
			`patch b {"metadata":{"ownerReferences":[{"$patch":"delete","uid":"a"}],"uid":"b"}}`},
		{"its owner waits for it", []*node{with(thing("a"), foreground), thing("b", "a!")}, nil, "b", "delete b Background"},
		{"its owner waits, and it has dependents", []*node{with(thing("a"), foreground), thing("b", "a!"), thing("c", "b!")}, nil, "b", "delete b Foreground"},
		{"nothing blocks it any more", []*node{with(thing("a"), foreground), thing("b", "a")}, nil, "a",
			`patch a [{"op":"test","path":"/metadata/uid","value":"a"},{"op":"test","path":"/metadata/finalizers/0","value":"foregroundDeletion"},{"op":"remove","path":"/metadata/finalizers/0"}]`},
		{"something blocks it", []*node{with(thing("a"), foreground), thing("b", "a!")}, nil, "a", ""},
		{"its dependents become orphans", []*node{with(thing("a"), orphaning), thing("b", "a")}, nil, "a",
			`patch b {"metadata":{"ownerReferences":[{"$patch":"delete","uid":"a"}],"uid":"b"}}` + "\n" +
				`patch a [{"op":"test","path":"/metadata/uid","value":"a"},{"op":"test","path":"/metadata/finalizers/1","value":"orphan"},{"op":"remove","path":"/metadata/finalizers/1"}]`},
		{"it goes by itself", []*node{with(thing("b", "a"), func(n *node) { n.deleting = true })}, nil, "b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			controller, client := collector(t, c.there, c.hidden...)
			client.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, &metav1.PartialObjectMetadata{}, nil
			})
			if err := controller.sync(context.Background(), types.UID(c.look)); err != nil {
				t.Fatal(err)
			}
			if got := writes(client); got != c.want {
				t.Errorf("wrote\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestAnOwnerOfUnknownKindIsAnError(t *testing.T) {
	b := thing("b", "a")
	b.owners[0].Kind = "Other"
	controller, client := collector(t, []*node{b})
	if err := controller.sync(context.Background(), "b"); err == nil || writes(client) != "" {
		t.Errorf("error %v, wrote %q", err, writes(client))
	}
}

func TestReadDiscovery(t *testing.T) {
	all := metav1.Verbs{"create", "delete", "get", "list", "watch"}
	groups := []*metav1.APIGroup{{Name: "apps", PreferredVersion: metav1.GroupVersionForDiscovery{Version: "v1"}}, {Name: "", PreferredVersion: metav1.GroupVersionForDiscovery{Version: "v1"}}}
	lists := []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", Kind: "Pod", Namespaced: true, Verbs: all}, {Name: "pods/status", Kind: "Pod", Verbs: all},
			{Name: "events", Kind: "Event", Verbs: all}, {Name: "bindings", Kind: "Binding", Verbs: metav1.Verbs{"create"}}}},
		{GroupVersion: "apps/v1beta1", APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Verbs: all}, {Name: "olds", Kind: "Old", Verbs: all}}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Verbs: all}}},
	}
	kinds, wanted := readDiscovery(groups, lists)
	var got []string
	for r := range wanted {
		got = append(got, r.GroupVersion().String()+"/"+r.Resource)
	}
	slices.Sort(got)
	if text := strings.Join(got, " "); text != "apps/v1/deployments apps/v1beta1/olds v1/pods" {
		t.Errorf("watches %s", text)
	}
	if len(kinds) != 6 || !kinds[schema.GroupVersionKind{Version: "v1", Kind: "Pod"}].namespaced {
		t.Errorf("kinds %v", kinds)
	}
}
