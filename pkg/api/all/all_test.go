package all

import (
	"slices"
	"testing"

	"slowmo/pkg/api"
)

// TestResourcesAreComplete holds what the server relies on in every definition.
func TestResourcesAreComplete(t *testing.T) {
	scheme := Scheme()
	names := map[string]bool{}
	for _, r := range Resources() {
		name := r.GroupResource().String()
		if names[name] {
			t.Errorf("%s: defined twice", name)
		}
		names[name] = true
		if gvk := r.GroupVersionKind(); !scheme.Recognizes(gvk) {
			t.Errorf("%s: scheme does not know %s", name, gvk)
		}
		if canList := r.Verbs == nil || slices.Contains(r.Verbs, "list"); canList != (r.NewList != nil) {
			t.Errorf("%s: a resource that can be listed, and no other, has a list", name)
		}
		if (r.Columns == nil) != (r.Row == nil) {
			t.Errorf("%s: columns and rows go together", name)
		}
		checkSubresources(t, name, r)
	}
}

func checkSubresources(t *testing.T, name string, r *api.Resource) {
	seen := map[string]bool{}
	for _, s := range r.Subresources {
		if seen[s.Name] {
			t.Errorf("%s/%s: defined twice", name, s.Name)
		}
		seen[s.Name] = true
		if len(s.Verbs) == 0 {
			t.Errorf("%s/%s: has no verbs", name, s.Name)
		}
		if s.Connect == (s.Put != nil) {
			t.Errorf("%s/%s: wants either Connect or Put", name, s.Name)
		}
	}
}
