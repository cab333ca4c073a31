package mergetypes

import (
	"testing"

	"slowmo/pkg/api/all"
)

// TestEachKindHasASchema holds that what can be stored can be applied.
func TestEachKindHasASchema(t *testing.T) {
	types := New(all.Scheme())
	for _, r := range all.Resources() {
		if r.Virtual {
			continue
		}
		obj := r.New()
		obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
		typed, err := types.ObjectToTyped(obj)
		if err != nil {
			t.Errorf("%s: %v", r.Kind, err)
			continue
		}
		if _, err := types.TypedToObject(typed); err != nil {
			t.Errorf("%s: %v", r.Kind, err)
		}
	}
}
