package mergetypes

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"slowmo/pkg/api/all"
)

// TestEachKindHasASchema holds that what can be stored can be applied.
func TestEachKindHasASchema(t *testing.T) {
	types := New(all.Scheme())
	for _, r := range all.Resources() {
		if r.Kind == "ComponentStatus" { // which is only read
			continue
		}
		obj := r.New()
		obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
		check(t, types, obj)
		for _, s := range r.Subresources {
			if !s.Kind.Empty() && s.New != nil {
				view := s.New()
				view.GetObjectKind().SetGroupVersionKind(s.Kind)
				check(t, types, view)
			}
		}
	}
}

func check(t *testing.T, types managedfields.TypeConverter, obj runtime.Object) {
	t.Helper()
	typed, err := types.ObjectToTyped(obj)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := types.TypedToObject(typed); err != nil {
		t.Error(err)
	}
}
