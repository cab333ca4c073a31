package namespace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control/controltest"
)

// prepare makes a controller for the namespace "ns" under deletion that holds
// objects, of kinds Pod and Secret; deletions happen at once unless held.
func prepare(t *testing.T, held bool, objects ...runtime.Object) (*controltest.World, *metadatafake.FakeMetadataClient, *controller) {
	t.Helper()
	at := metav1.Now()
	ns := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", UID: "u", DeletionTimestamp: &at},
		Spec: v1.NamespaceSpec{Finalizers: []v1.FinalizerName{v1.FinalizerKubernetes, "example.com/x"}}, Status: v1.NamespaceStatus{Phase: v1.NamespaceTerminating}}
	w := controltest.New(ns)
	all := metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "watch"}
	w.Client.Resources = []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "pods", Kind: "Pod", Namespaced: true, Verbs: all}, {Name: "secrets", Kind: "Secret", Namespaced: true, Verbs: all},
		{Name: "nodes", Kind: "Node", Verbs: all}, {Name: "bindings", Kind: "Binding", Namespaced: true, Verbs: metav1.Verbs{"create"}}}}}
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	client := metadatafake.NewSimpleMetadataClient(scheme, objects...)
	client.PrependReactor("delete-collection", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		for _, object := range objects {
			if o := object.(*metav1.PartialObjectMetadata); !held && strings.ToLower(o.Kind)+"s" == a.GetResource().Resource {
				return true, nil, client.Tracker().Delete(a.GetResource(), "ns", o.Name)
			}
		}
		return true, nil, nil
	})
	informer := w.Informers.Core().V1().Namespaces().Informer()
	controltest.Cache(t, informer, ns)
	return w, client, &controller{env: w.Env, queue: cause.NewQueue[string]("test"), metadata: client,
		namespaces: w.Informers.Core().V1().Namespaces().Lister(), store: informer.GetStore()}
}

func object(kind, name string, finalizers ...string) *metav1.PartialObjectMetadata {
	grace := int64(30)
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Finalizers: finalizers, DeletionGracePeriodSeconds: &grace}}
}

func TestAnEmptiedNamespaceIsLetGo(t *testing.T) {
	w, client, c := prepare(t, false, object("Pod", "a"))
	if err := c.sync(context.Background(), "ns"); err != nil {
		t.Fatal(err)
	}
	var deleted []string
	for _, a := range client.Actions() {
		if a.GetVerb() == "delete-collection" {
			deleted = append(deleted, a.GetResource().Resource)
		}
	}
	if strings.Join(deleted, " ") != "pods" {
		t.Errorf("deleted all %v, want pods alone", deleted)
	}
	if got := w.Writes(); got != "create namespaces/finalize /ns" {
		t.Errorf("wrote %q", got)
	}
}

func TestWhatIsLeftIsTold(t *testing.T) {
	w, _, c := prepare(t, true, object("Pod", "a", "example.com/keep"), object("Secret", "s"))
	if err := c.sync(context.Background(), "ns"); err != nil {
		t.Fatal(err)
	}
	got := w.Writes()
	for _, want := range []string{"update namespaces/status /ns ", "pods. has 1 resource instances, secrets. has 1 resource instances",
		"Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances"} {
		if !strings.Contains(got, want) {
			t.Errorf("wrote %s\nwithout %s", got, want)
		}
	}
}

func TestConditionsKeepTheirTimes(t *testing.T) {
	now := time.Now()
	p := &progress{failures: []error{errors.New("no")}, discovery: errors.New("down")}
	first := p.conditions(nil, now)
	if len(first) != 5 || first[0].Status != v1.ConditionTrue || first[2].Message != "Failed to delete all resource types, 1 remaining: no" {
		t.Errorf("%+v", first)
	}
	p.discovery = nil
	second := p.conditions(first, now.Add(time.Minute))
	if second[0].Status != v1.ConditionFalse || second[0].Reason != "ResourcesDiscovered" || second[0].LastTransitionTime.Equal(&first[0].LastTransitionTime) {
		t.Errorf("%+v", second[0])
	}
	if !second[2].LastTransitionTime.Equal(&first[2].LastTransitionTime) {
		t.Error("a condition that stayed has a new time")
	}
}
