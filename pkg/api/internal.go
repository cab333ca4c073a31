package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Internal returns value as kube-apiserver shows it in those errors that speak of
// its internal types. They have no JSON tags: every field appears, by its Go
// name. Types that upstream has only once (of apimachinery) look as always.
func Internal(value any) json.RawMessage {
	var out bytes.Buffer
	writeInternal(&out, reflect.ValueOf(value))
	return out.Bytes()
}

func writeInternal(out *bytes.Buffer, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		writeInternal(out, v.Elem())
	case v.Kind() == reflect.Slice && !v.IsNil() && isVersioned(v.Type().Elem()):
		out.WriteByte('[')
		for i := range v.Len() {
			separate(out)
			writeInternal(out, v.Index(i))
		}
		out.WriteByte(']')
	case v.Kind() == reflect.Struct && isVersioned(v.Type()):
		out.WriteByte('{')
		writeFields(out, v)
		out.WriteByte('}')
	default:
		encoded, err := json.Marshal(v.Interface())
		if err != nil {
			encoded = []byte("null")
		}
		out.Write(encoded)
	}
}

func writeFields(out *bytes.Buffer, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case f.Anonymous && isVersioned(f.Type):
			writeFields(out, v.Field(i))
		case f.Anonymous: // metadata: its fields stand among the others, by their own tags
			var inner bytes.Buffer
			writeInternal(&inner, v.Field(i))
			if fields := inner.Bytes()[1 : inner.Len()-1]; len(fields) > 0 {
				separate(out)
				out.Write(fields)
			}
		default:
			separate(out)
			out.WriteString(`"` + f.Name + `":`)
			writeInternal(out, v.Field(i))
		}
	}
}

// separate writes a comma unless it would be the first thing in its brackets.
func separate(out *bytes.Buffer) {
	if last := out.Bytes()[out.Len()-1]; last != '{' && last != '[' {
		out.WriteByte(',')
	}
}

// isVersioned reports whether t is a struct of k8s.io/api.
func isVersioned(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.PkgPath(), "k8s.io/api/")
}
