package rest

import (
	"reflect"
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

// fieldManagers remember, in an object's metadata.managedFields, who set which
// field, and merge server-side apply by it. The schema that this takes is read
// when the first write comes or Warm is called, not at start.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
type fieldManagers struct {
	scheme *runtime.Scheme
	types  func() managedfields.TypeConverter

	mu   sync.Mutex
	made map[managerKey]*fieldManager
}

// fieldManager is that of one kind or subresource.
type fieldManager struct {
	*managedfields.FieldManager
	alike alike
}

// Warm reads what the first write would else have to wait for: a tenth of a
// second of work that a start need not wait for either.
func (h *Handler) Warm() { h.fields.types() }

type managerKey struct {
	gvk         schema.GroupVersionKind
	subresource string
}

func newFieldManagers(scheme *runtime.Scheme) *fieldManagers {
	return &fieldManagers{
		scheme: scheme,
		types: sync.OnceValue(func() managedfields.TypeConverter {
			return &structs{TypeConverter: mergetypes.New(scheme)}
		}),
		made: map[managerKey]*fieldManager{},
	}
}

// created notes that the client set every field of a new object.
func (f *fieldManagers) created(w *write, obj api.Object) error {
	if w.applied {
		return nil
	}
	manager, err := f.of(w.call)
	if err != nil {
		return err
	}
	if len(obj.GetManagedFields()) > 0 { // they may be of others
		return f.track(w, obj, w.resource.New())
	}
	if fields, ok := manager.alike.fields(w.manager, obj); ok {
		obj.SetManagedFields(fields)
		return nil
	}
	made := obj.DeepCopyObject().(api.Object)
	if err = f.track(w, obj, w.resource.New()); err == nil {
		manager.alike.remember(w.manager, made, obj.GetManagedFields())
	}
	return err
}

// changed notes which fields of current the client has changed.
func (f *fieldManagers) changed(w *write, obj, current api.Object) error {
	if w.applied || w.sub != nil && w.sub.view && w.sub.Get == nil {
		return nil // Apply has noted it; an act upon an object owns none of its fields
	}
	return f.track(w, obj, current)
}

func (f *fieldManagers) track(w *write, obj, live api.Object) error {
	manager, err := f.of(w.call)
	if err != nil {
		return err
	}
	next, err := w.served(obj)
	if err != nil {
		return err
	}
	if live, err = w.served(live); err != nil {
		return err
	}
	live, next = differing(live, next)
	live.GetObjectKind().SetGroupVersionKind(w.kind.GVK)
	tracked, ok := manager.UpdateNoErrors(live, next, w.manager).(metav1.Object)
	if ok {
		obj.SetManagedFields(tracked.GetManagedFields())
	}
	return nil
}

// apply merges what a manager wants into the present object (nil if there is
// none), takes away what it no longer wants, and refuses what others own unless
// forced. All are of the served version.
func (f *fieldManagers) apply(w *write, present api.Object, wanted *unstructured.Unstructured, force bool) (api.Object, error) {
	manager, err := f.of(w.call)
	if err != nil {
		return nil, err
	}
	if present == nil {
		present = w.form.New()
	}
	present.GetObjectKind().SetGroupVersionKind(w.kind.GVK)
	merged, err := manager.Apply(present, wanted, w.manager, force)
	if err != nil {
		return nil, err
	}
	w.applied = true
	if merged == nil { // there is nothing to change
		return present, nil
	}
	return merged.(api.Object), nil
}

// of returns the manager of the call's kind and subresource.
func (f *fieldManagers) of(c *call) (*fieldManager, error) {
	key := managerKey{gvk: c.kind.GVK}
	if c.sub != nil {
		key.subresource = c.sub.Name
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if manager := f.made[key]; manager != nil {
		return manager, nil
	}
	version := key.gvk.GroupVersion()
	upstream, err := managedfields.NewDefaultFieldManager(f.types(), converter{f.scheme, c.resource}, noDefaults{}, f.scheme,
		key.gvk, version, key.subresource, resetFields(c, fieldpath.APIVersion(version.String())))
	if err != nil {
		return nil, err
	}
	manager := &fieldManager{FieldManager: upstream}
	f.made[key] = manager
	return manager, nil
}

// resetFields are the fields that a write leaves as they were, so that its
// manager does not own them.
func resetFields(c *call, version fieldpath.APIVersion) map[fieldpath.APIVersion]fieldpath.Filter {
	paths := c.resource.ResetFields
	switch {
	case c.sub != nil && c.sub.ResetFields != nil:
		paths = c.sub.ResetFields
	case c.sub != nil && c.sub.Name == "status":
		paths = []string{"spec"}
	case paths == nil && c.subs["status"] != nil:
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

// converter makes of an object one of another version of its resource. Without
// need it makes no copy, as the scheme's own conversion would.
type converter struct {
	*runtime.Scheme
	resource *api.Resource
}

func (c converter) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	gvk := in.GetObjectKind().GroupVersionKind()
	version, ok := to.(schema.GroupVersion)
	if !ok || gvk.Empty() || gvk.GroupVersion() == version {
		return c.UnsafeConvertToVersion(in, to)
	}
	typed, err := c.UnsafeConvertToVersion(in, gvk.GroupVersion())
	if err != nil {
		return nil, err
	}
	obj, ok := typed.(api.Object)
	if !ok || !c.serves(gvk.GroupVersion()) || !c.serves(version) {
		return nil, runtime.NewNotRegisteredErrForTarget(c.Name(), reflect.TypeOf(typed), to)
	}
	if from := c.form(gvk.GroupVersion()); from != nil {
		if obj, err = from.From(obj); err != nil {
			return nil, err
		}
	}
	if to := c.form(version); to != nil {
		if obj, err = to.To(obj); err != nil {
			return nil, err
		}
	}
	obj.GetObjectKind().SetGroupVersionKind(version.WithKind(c.resource.Kind))
	return obj, nil
}

// form is the version of the resource that gv names; nil for the stored one.
func (c converter) form(gv schema.GroupVersion) *api.Version {
	i := slices.IndexFunc(c.resource.Versions, func(v api.Version) bool { return v.Group == gv.Group && v.Version == gv.Version })
	if i < 0 {
		return nil
	}
	return &c.resource.Versions[i]
}

func (c converter) serves(gv schema.GroupVersion) bool {
	return gv == c.resource.GroupVersionKind().GroupVersion() || c.form(gv) != nil
}

// noDefaults leaves an object as it is: what has been applied is given its
// defaults in the stored form, as any body.
type noDefaults struct{}

func (noDefaults) Default(runtime.Object) {}
