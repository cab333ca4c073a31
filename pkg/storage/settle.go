package storage

import (
	"reflect"
	"strings"
	"sync"

	"slowmo/pkg/api"
)

// Settle makes of obj what it will be once it is read from etcd. Protobuf does
// not tell an empty list from none, and clients that read JSON see which it is. For a
// write that is only tried; one that is made settles its object by itself.
func Settle(r *api.Resource, obj api.Object) {
	if _, ok := obj.(message); ok && !r.StorageJSON {
		settlerOf(reflect.TypeOf(obj).Elem()).settle(reflect.ValueOf(obj).Elem())
	}
}

// settler knows where in a type there are lists and maps that JSON shows when
// they are empty. Made once for a type, it visits nothing else.
type settler struct{ fields []settlerField }

type settlerField struct {
	index  int
	shown  bool     // JSON shows it when it is empty
	inside *settler // of the type itself, its element or what it points to; nil if there is nothing to visit
}

// settlers by reflect.Type; nil for those with nothing to visit.
var settlers sync.Map

func settlerOf(t reflect.Type) *settler {
	if s, ok := settlers.Load(t); ok {
		return s.(*settler)
	}
	s := newSettler(t, map[reflect.Type]bool{})
	settlers.Store(t, s)
	return s
}

// newSettler is nil for a type that has nothing to visit, and for one that is
// being made: none of those that are stored as protobuf contains itself.
func newSettler(t reflect.Type, above map[reflect.Type]bool) *settler {
	if t.Kind() != reflect.Struct || above[t] {
		return nil
	}
	above[t] = true
	defer delete(above, t)
	s := &settler{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		f, inner := settlerField{index: i}, field.Type
		switch inner.Kind() {
		case reflect.Slice:
			inner = inner.Elem()
			f.shown = !strings.Contains(options, "omitempty") && inner.Kind() != reflect.Uint8
		case reflect.Map:
			f.shown = !strings.Contains(options, "omitempty")
		case reflect.Pointer:
			inner = inner.Elem()
		}
		if f.inside = newSettler(inner, above); f.shown || f.inside != nil {
			s.fields = append(s.fields, f)
		}
	}
	if len(s.fields) == 0 {
		return nil
	}
	return s
}

func (s *settler) settle(v reflect.Value) {
	if s == nil {
		return
	}
	for _, f := range s.fields {
		field := v.Field(f.index)
		switch field.Kind() {
		case reflect.Struct:
			f.inside.settle(field)
		case reflect.Pointer:
			if !field.IsNil() {
				f.inside.settle(field.Elem())
			}
		default:
			if f.shown && field.Len() == 0 && !field.IsNil() {
				field.SetZero()
			}
			if f.inside == nil || field.Kind() == reflect.Map {
				continue
			}
			for i := range field.Len() {
				f.inside.settle(field.Index(i))
			}
		}
	}
}
