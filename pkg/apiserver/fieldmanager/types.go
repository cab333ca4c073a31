package fieldmanager

import (
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"slowmo/pkg/api"
)

// Field management compares two objects path by path, by reflection: it is the
// dearest step of a write. Two things make it cheaper and change no result.

// structs spares the check of an object against its kind's schema, which takes
// as long as the comparison: a Go struct of the kind has no other fields.
type structs struct {
	managedfields.TypeConverter
	schemas sync.Map // by GroupVersionKind: a *typed.TypedValue of the kind
}

// ObjectToTyped shows an object to the merge library.
func (s *structs) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	// An apply's body is no struct, and what a client wants to own is checked.
	if _, ok := obj.(*unstructured.Unstructured); ok || !slices.Contains(options, typed.AllowDuplicates) {
		return s.TypeConverter.ObjectToTyped(obj, options...)
	}
	like, err := s.like(obj.GetObjectKind().GroupVersionKind(), obj)
	if err != nil {
		return nil, err
	}
	v, err := value.NewValueReflect(obj)
	if err != nil {
		return nil, err
	}
	return typed.AsTypedUnvalidated(v, like.Schema(), like.TypeRef()), nil
}

// like returns an empty object of the kind of obj, which knows the kind's schema.
func (s *structs) like(kind schema.GroupVersionKind, obj runtime.Object) (*typed.TypedValue, error) {
	if known, ok := s.schemas.Load(kind); ok {
		return known.(*typed.TypedValue), nil
	}
	empty := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(runtime.Object)
	empty.GetObjectKind().SetGroupVersionKind(kind)
	like, err := s.TypeConverter.ObjectToTyped(empty, typed.AllowDuplicates)
	if err == nil {
		s.schemas.Store(kind, like)
	}
	return like, err
}

// differing returns shallow copies of two objects of one kind, without those of
// their parts (spec, status, data) that are the same in both: nobody changed a field there.
func differing(a, b api.Object) (api.Object, api.Object) {
	if _, ok := a.(runtime.Unstructured); ok { // its only part is all of it
		return a, b
	}
	from, to := shallow(a), shallow(b)
	for i := range from.NumField() {
		part, other := from.Field(i), to.Field(i)
		if from.Type().Field(i).Anonymous {
			continue // kind and metadata
		}
		if reflect.DeepEqual(part.Addr().Interface(), other.Addr().Interface()) {
			part.SetZero()
			other.SetZero()
		}
	}
	return from.Addr().Interface().(api.Object), to.Addr().Interface().(api.Object)
}

// shallow returns a copy of the struct that obj points to.
func shallow(obj api.Object) reflect.Value {
	original := reflect.ValueOf(obj).Elem()
	copied := reflect.New(original.Type()).Elem()
	copied.Set(original)
	return copied
}
