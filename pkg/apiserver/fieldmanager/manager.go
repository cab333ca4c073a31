// Package fieldmanager remembers, in an object's metadata.managedFields, who set
// which field, and merges server-side apply by it.
//
// A Manager is that of one kind, or of one subresource, in one served version. It is told
// of each write once, before admission: Created, Changed, or Apply, which makes
// the object itself. The objects that are created and changed are stored ones,
// whichever version was written; what is applied is of the served version.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
package fieldmanager

import (
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/mergetypes"
)

// Types are the schemas of all kinds. They are read when the first write comes or
// Warm is called, not at start.
type Types struct {
	scheme *runtime.Scheme
	read   func() managedfields.TypeConverter
}

// NewTypes returns the types of scheme's kinds.
func NewTypes(scheme *runtime.Scheme) *Types {
	return &Types{scheme: scheme, read: sync.OnceValue(func() managedfields.TypeConverter {
		return &structs{TypeConverter: mergetypes.New(scheme)}
	})}
}

// Warm reads what the first write would else have to wait for: a tenth of a
// second of work that a start need not wait for either.
func (t *Types) Warm() { t.read() }

// Kind is what a Manager is about.
type Kind struct {
	Resource    *api.Resource
	Version     api.Version      // as which it is served
	Subresource *api.Subresource // nil for the object itself
}

// gvk is the kind of the objects whose fields are managed: the subresource's own, where it
// is a view of the object.
func (k Kind) gvk() schema.GroupVersionKind {
	if k.Subresource != nil && !k.Subresource.Kind.Empty() {
		return k.Subresource.Kind
	}
	return k.parent()
}

func (k Kind) parent() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: k.Version.Group, Version: k.Version.Version, Kind: k.Resource.Kind}
}

// empty is an object of which nobody owns anything.
func (k Kind) empty() api.Object {
	if k.view() {
		return k.Subresource.New()
	}
	return k.Resource.New()
}

// Manager keeps the managed fields of a kind. It is safe for concurrent use.
type Manager struct {
	kind   Kind
	merger func() (*managedfields.FieldManager, error)
	alike  alike
}

// Manager returns a new manager of a kind.
func (t *Types) Manager(k Kind) *Manager {
	return &Manager{kind: k, merger: sync.OnceValues(func() (*managedfields.FieldManager, error) {
		gvk, subresource := k.gvk(), ""
		if k.Subresource != nil {
			subresource = k.Subresource.Name
		}
		return managedfields.NewDefaultFieldManager(t.read(), converter{t.scheme, k.Resource}, noDefaults{}, t.scheme,
			gvk, gvk.GroupVersion(), subresource, k.resetFields(fieldpath.APIVersion(gvk.GroupVersion().String())))
	})}
}

// Created notes that owner set every field of a new object.
func (m *Manager) Created(owner string, obj api.Object) error {
	if len(obj.GetManagedFields()) > 0 { // they may be of others
		return m.Changed(owner, obj, m.kind.empty())
	}
	if fields, ok := m.alike.fields(owner, obj); ok {
		obj.SetManagedFields(fields)
		return nil
	}
	if !memorable(obj) {
		return m.Changed(owner, obj, m.kind.empty())
	}
	made := obj.DeepCopyObject().(api.Object)
	err := m.Changed(owner, obj, m.kind.empty())
	if err == nil {
		m.alike.remember(owner, made, obj.GetManagedFields())
	}
	return err
}

// Changed notes which fields of current owner has changed in obj.
func (m *Manager) Changed(owner string, obj, current api.Object) error {
	merger, err := m.merger()
	if err != nil {
		return err
	}
	next, err := m.served(obj)
	if err != nil {
		return err
	}
	live, err := m.served(current)
	if err != nil {
		return err
	}
	live, next = differing(live, next)
	live.GetObjectKind().SetGroupVersionKind(m.kind.gvk())
	tracked, ok := merger.UpdateNoErrors(live, next, owner).(metav1.Object)
	if ok {
		obj.SetManagedFields(tracked.GetManagedFields())
	}
	return nil
}

// served turns a stored object into one of the served version.
func (m *Manager) served(obj api.Object) (api.Object, error) {
	if m.kind.Version.To == nil || m.kind.view() {
		return obj, nil
	}
	out, err := m.kind.Version.To(obj)
	if err == nil {
		out.GetObjectKind().SetGroupVersionKind(m.kind.gvk())
	}
	return out, err
}

// Apply merges what owner wants into the present object (nil if there is none),
// takes away what it no longer wants, and refuses what others own unless forced.
// All are of the served version.
func (m *Manager) Apply(owner string, present api.Object, wanted *unstructured.Unstructured, force bool) (api.Object, error) {
	merger, err := m.merger()
	if err != nil {
		return nil, err
	}
	if present == nil {
		present = m.kind.Version.New()
	}
	present.GetObjectKind().SetGroupVersionKind(m.kind.gvk())
	merged, err := merger.Apply(present, wanted, owner, force)
	if err != nil {
		return nil, err
	}
	if merged == nil { // there is nothing to change
		return present, nil
	}
	return merged.(api.Object), nil
}

// resetFields are the fields that a write leaves as they were, so that its
// owner does not own them.
func (k Kind) resetFields(version fieldpath.APIVersion) map[fieldpath.APIVersion]fieldpath.Filter {
	paths, sub := k.Resource.ResetFields, k.Subresource
	switch {
	case k.view():
		return nil
	case sub != nil && sub.ResetFields != nil:
		paths = sub.ResetFields
	case sub != nil && sub.Name == "status":
		paths = []string{"spec"}
	case paths == nil && k.hasStatus():
		paths = []string{"status"}
	}
	if len(paths) == 0 {
		return nil
	}
	reset := fieldpath.NewSet()
	for _, path := range paths {
		var parts []any
		for part := range strings.SplitSeq(path, ".") {
			parts = append(parts, part)
		}
		reset.Insert(fieldpath.MakePathOrDie(parts...))
	}
	return map[fieldpath.APIVersion]fieldpath.Filter{version: fieldpath.NewExcludeSetFilter(reset)}
}

func (k Kind) hasStatus() bool {
	return slices.ContainsFunc(k.Resource.Subresources, func(s api.Subresource) bool { return s.Name == "status" })
}
