package fieldmanager

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	"slowmo/pkg/api/apitest"
)

// TestFieldsAreTrackedAsWithTheWholeObjects compares the fields that a write
// owns with what the unabridged comparison says.
func TestFieldsAreTrackedAsWithTheWholeObjects(t *testing.T) {
	scheme, kind := all.Scheme(), corev1.SchemeGroupVersion.WithKind("Pod")
	manager := func(types managedfields.TypeConverter) *managedfields.FieldManager {
		m, err := managedfields.NewDefaultFieldManager(types, converter{scheme, &api.Resource{}}, noDefaults{}, scheme, kind, kind.GroupVersion(), "",
			map[fieldpath.APIVersion]fieldpath.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	whole := applyconfigurations.NewTypeConverter(scheme)
	before := apitest.TwoContainers()
	before.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "other", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1",
		FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:spec":{"f:nodeName":{}},"f:status":{"f:phase":{},"f:podIP":{}}}`)}}}
	for name, change := range map[string]func(*corev1.Pod){
		"nothing": func(*corev1.Pod) {},
		"status":  func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning; p.Status.PodIP = "" },
		"spec":    func(p *corev1.Pod) { p.Spec.Containers[1].Env = []corev1.EnvVar{{Name: "N"}}; p.Spec.NodeName = "n" },
		"label":   func(p *corev1.Pod) { p.Labels = map[string]string{"b": ""} },
		"both":    func(p *corev1.Pod) { p.Spec.Containers = p.Spec.Containers[:1]; p.Status.Message = "m" },
		"twice":   func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, p.Spec.Containers[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			after := before.DeepCopy()
			change(after)
			want := manager(whole).UpdateNoErrors(before.DeepCopy(), after.DeepCopy(), "me").(*corev1.Pod).ManagedFields
			a, b := differing(before.DeepCopy(), after.DeepCopy())
			got := manager(&structs{TypeConverter: whole}).UpdateNoErrors(a, b, "me").(*corev1.Pod).ManagedFields
			for _, list := range [][]metav1.ManagedFieldsEntry{got, want} {
				for i := range list {
					list[i].Time = nil // of the test's two calls
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// TestDiffering: what is the same in both is taken from neither of the originals.
func TestDiffering(t *testing.T) {
	a, b := apitest.TwoContainers(), apitest.TwoContainers()
	b.Status.Phase = corev1.PodRunning
	from, to := differing(a, b)
	if from, to := from.(*corev1.Pod), to.(*corev1.Pod); len(from.Spec.Containers) > 0 || len(to.Spec.Containers) > 0 ||
		from.Status.Phase != corev1.PodPending || to.Status.Phase != corev1.PodRunning || to.Name != "p" || to.Kind != "Pod" {
		t.Errorf("%+v\n%+v", from, to)
	}
	if len(a.Spec.Containers) != 2 || len(b.Spec.Containers) != 2 {
		t.Error("the originals lost their specs")
	}
	custom := &unstructured.Unstructured{Object: map[string]any{"kind": "Widget", "spec": map[string]any{}}}
	if one, other := differing(custom, custom.DeepCopy()); !reflect.DeepEqual(one, custom) || !reflect.DeepEqual(other, custom) {
		t.Errorf("%v, %v", one, other)
	}
}
