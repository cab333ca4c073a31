package fieldmanager

import (
	"encoding/json"
	"reflect"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
)

// alike remembers the newest objects that were made of a kind, with the fields
// that their makers own. The next often has the same fields set, as the pods of a
// template have, and the events of a component; then its maker owns the same, and to
// see that is ten times faster than to compare the object path by path.
type alike struct {
	known atomic.Pointer[[]exemplar] // newest first; a list is never changed
}

// exemplar is an object that was made, before anything but the client's wish
// and defaults was in it.
type exemplar struct {
	manager string
	object  api.Object
	fields  []metav1.ManagedFieldsEntry
}

// What is remembered of a kind is bounded: so many, and none that is big.
const (
	exemplarsMost = 8
	exemplarSize  = 16 << 10
)

// fields returns who owns the fields of obj, a new object, if one like it is known.
func (a *alike) fields(manager string, obj api.Object) ([]metav1.ManagedFieldsEntry, bool) {
	known := a.known.Load()
	if known == nil {
		return nil, false
	}
	for _, e := range *known {
		if e.manager != manager || !sameFields(reflect.ValueOf(e.object), reflect.ValueOf(obj)) {
			continue
		}
		now := metav1.NewTime(time.Now().UTC())
		fields := make([]metav1.ManagedFieldsEntry, len(e.fields))
		for i, entry := range e.fields {
			entry.Time = &now
			fields[i] = entry
		}
		return fields, true
	}
	return nil, false
}

// memorable says whether an object is small enough to be remembered.
func memorable(obj api.Object) bool {
	sized, ok := obj.(interface{ Size() int })
	return ok && sized.Size() <= exemplarSize
}

// remember adds a memorable object that nobody changes afterwards.
func (a *alike) remember(manager string, obj api.Object, fields []metav1.ManagedFieldsEntry) {
	list := []exemplar{{manager, obj, fields}}
	if known := a.known.Load(); known != nil {
		list = append(list, (*known)[:min(len(*known), exemplarsMost-1)]...)
	}
	a.known.Store(&list) // of two at once one is forgotten
}

// sameFields says whether the same fields are set in two values of one type. It
// is true only if that is certain: what a list holds and what JSON writes in a
// way of its own has to be equal, for paths lead through its values.
func sameFields(a, b reflect.Value) bool {
	if a.IsZero() != b.IsZero() || !a.CanInterface() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer:
		return a.IsNil() || sameFields(a.Elem(), b.Elem())
	case reflect.Struct:
		switch a.Interface().(type) {
		case metav1.Time, metav1.MicroTime:
			return true
		case json.Marshaler:
			return reflect.DeepEqual(a.Interface(), b.Interface())
		}
		for i := range a.NumField() {
			if !sameFields(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return sameKeys(a, b)
	case reflect.Slice, reflect.Array, reflect.Interface:
		return reflect.DeepEqual(a.Interface(), b.Interface())
	}
	return true // a number or a text
}

func sameKeys(a, b reflect.Value) bool {
	if a.Len() != b.Len() || a.IsNil() != b.IsNil() {
		return false
	}
	for entries := a.MapRange(); entries.Next(); {
		other := b.MapIndex(entries.Key())
		if !other.IsValid() || !sameFields(entries.Value(), other) {
			return false
		}
	}
	return true
}
