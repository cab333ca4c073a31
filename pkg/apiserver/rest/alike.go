package rest

import (
	"reflect"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
)

// alike remembers the newest objects that were made of a kind, with the fields
// that their makers own. The next is often like one of them but for its name, as the
// pods of a template are; then it has the same fields, and to compare two objects
// by value is ten times faster than to compare them path by path.
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
	defer obj.SetName(obj.GetName())
	for _, e := range *known {
		obj.SetName(e.object.GetName())
		if e.manager != manager || !reflect.DeepEqual(e.object, obj) {
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

// remember adds an object that nobody changes afterwards.
func (a *alike) remember(manager string, obj api.Object, fields []metav1.ManagedFieldsEntry) {
	if sized, ok := obj.(interface{ Size() int }); !ok || sized.Size() > exemplarSize {
		return
	}
	list := []exemplar{{manager, obj, fields}}
	if known := a.known.Load(); known != nil {
		list = append(list, (*known)[:min(len(*known), exemplarsMost-1)]...)
	}
	a.known.Store(&list) // of two at once one is forgotten
}
