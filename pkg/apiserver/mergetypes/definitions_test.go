package mergetypes

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api/all"
)

// TestDefinitionsMerge applies a condition and a version over others: conditions
// are told apart by type, versions are replaced.
func TestDefinitionsMerge(t *testing.T) {
	types := New(all.Scheme())
	definition := func(condition, version, finalizer string) *apiextensionsv1.CustomResourceDefinition {
		d := &apiextensionsv1.CustomResourceDefinition{}
		d.APIVersion, d.Kind, d.Name = "apiextensions.k8s.io/v1", "CustomResourceDefinition", "a.b.c"
		d.Finalizers = []string{finalizer}
		d.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: version}}
		d.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.CustomResourceDefinitionConditionType(condition)}}
		return d
	}
	live, err := types.ObjectToTyped(definition("A", "v1", "x/a"))
	if err != nil {
		t.Fatal(err)
	}
	applied, err := types.ObjectToTyped(definition("B", "v2", "x/b"))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := live.Merge(applied)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := types.TypedToObject(merged)
	if err != nil {
		t.Fatal(err)
	}
	got := &apiextensionsv1.CustomResourceDefinition{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.(*unstructured.Unstructured).Object, got); err != nil {
		t.Fatal(err)
	}
	if len(got.Status.Conditions) != 2 || len(got.Finalizers) != 2 || len(got.Spec.Versions) != 1 || got.Spec.Versions[0].Name != "v2" {
		t.Errorf("merged: %+v", got)
	}
}
