package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// Kind knows how the objects of one served kind look in each media type. Make
// one for each resource and version and keep it: its forms are what the bytes in
// the cache are kept under. It is safe for concurrent use.
type Kind struct {
	GVK     schema.GroupVersionKind
	List    schema.GroupVersionKind
	columns *columns

	self, partial shape
}

// shape is one way to show an object. Its JSON form is the whole object, which
// starts with prefix, so that what stands in a list without kind and
// apiVersion is the rest of the same bytes. Its protobuf form is the bare
// message, which lists hold and envelopes wrap; cbor.go says what its CBOR form is.
type shape struct {
	gvk               schema.GroupVersionKind
	prefix            []byte // {"kind":"Pod","apiVersion":"v1",
	json, proto, cbor *storage.Form
}

// Source is where the bytes of an object come from: a *storage.Record, which
// keeps them, or Fresh.
type Source interface {
	Bytes(form *storage.Form) ([]byte, error)
}

// Fresh is an object that is in no cache: it is encoded for one answer.
type Fresh struct{ api.Object }

// Bytes encodes the object.
func (f Fresh) Bytes(form *storage.Form) ([]byte, error) { return form.Encode(f.Object) }

// NewKind returns the Kind of r's objects when they are served as gvk. to
// converts a stored object to that version; nil means that it is stored so.
func NewKind(r *api.Resource, gvk schema.GroupVersionKind, to func(api.Object) (api.Object, error)) *Kind {
	served := func(obj api.Object) (api.Object, error) {
		if to == nil {
			return obj, nil
		}
		out, err := to(obj)
		if err == nil {
			out.GetObjectKind().SetGroupVersionKind(gvk)
		}
		return out, err
	}
	return &Kind{
		GVK:     gvk,
		List:    gvk.GroupVersion().WithKind(gvk.Kind + "List"),
		columns: newColumns(r),
		self: newShape(gvk, gvk.String(), func(obj api.Object) (runtime.Object, error) {
			return served(obj)
		}),
		// Metadata is the same in all versions of a kind.
		partial: newShape(partialKind, partialKind.Kind, func(obj api.Object) (runtime.Object, error) {
			return partialOf(obj, r.HiddenAnnotation), nil
		}),
	}
}

var partialKind = metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")

// newShape makes the forms of view, which must return objects with the
// TypeMeta gvk.
func newShape(gvk schema.GroupVersionKind, name string, view func(api.Object) (runtime.Object, error)) shape {
	version, kind := gvk.ToAPIVersionAndKind()
	form := func(media string, marshal func(runtime.Object) ([]byte, error)) *storage.Form {
		return &storage.Form{Name: name + " " + media, Encode: func(obj api.Object) ([]byte, error) {
			shown, err := view(obj)
			if err != nil {
				return nil, err
			}
			return marshal(shown)
		}}
	}
	return shape{
		gvk:    gvk,
		prefix: fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,`, kind, version),
		json:   form("json", func(obj runtime.Object) ([]byte, error) { return json.Marshal(obj) }),
		proto:  form("protobuf", marshalProto),
		cbor:   form("cbor", marshalCBOR),
	}
}

func partialOf(obj api.Object, hidden string) *metav1.PartialObjectMetadata {
	version, kind := partialKind.ToAPIVersionAndKind()
	partial := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{Kind: kind, APIVersion: version}}
	if holder, ok := obj.(metav1.ObjectMetaAccessor); ok {
		if meta, ok := holder.GetObjectMeta().(*metav1.ObjectMeta); ok {
			partial.ObjectMeta = *meta
		}
	}
	if _, ok := partial.Annotations[hidden]; ok {
		partial.Annotations = maps.Clone(partial.Annotations)
		delete(partial.Annotations, hidden)
	}
	return partial
}

// shape returns how the objects are to be shown, and the kind that is said of them.
func (k *Kind) shape(media Media) shape {
	if media.As.Empty() {
		return k.self
	}
	s := k.partial
	if media.As.Version != s.gvk.Version { // meta.k8s.io/v1beta1, of old clients
		s.gvk.Version = media.As.Version
	}
	return s
}

// object returns the whole object with kind and apiVersion.
func (s shape) object(media Media, from Source) (Parts, error) {
	switch media.Type {
	case runtime.ContentTypeProtobuf:
		raw, err := from.Bytes(s.proto)
		if err != nil {
			return nil, err
		}
		return envelope(s.gvk, raw), nil
	case runtime.ContentTypeCBOR:
		bare, err := from.Bytes(s.cbor)
		if err != nil {
			return nil, err
		}
		return cborObject(s.gvk, bare)
	}
	data, err := from.Bytes(s.json)
	if err != nil {
		return nil, err
	}
	if s.gvk.Version == partialKind.Version || s.gvk.Group != metav1.GroupName {
		return Parts{data}, nil
	}
	version, kind := s.gvk.ToAPIVersionAndKind()
	return Parts{fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,`, kind, version), s.rest(data)}, nil
}

// rest is what follows kind and apiVersion, up to and with the closing brace.
func (s shape) rest(data []byte) []byte {
	if bytes.HasPrefix(data, s.prefix) {
		return data[len(s.prefix):]
	}
	return data[1:]
}

// Object returns the body that answers with one object.
func (k *Kind) Object(media Media, from Source, options *metav1.TableOptions) (Parts, error) {
	switch media.As.Kind {
	case "Table":
		return k.table(media, []Source{from}, metav1.ListMeta{}, options)
	case "PartialObjectMetadataList":
		return nil, unacceptable(fmt.Sprintf("you requested PartialObjectMetadataList, but the requested object is not a list (*%s.%s)", internalPackage(k.GVK.Group), k.GVK.Kind))
	}
	return k.shape(media).object(media, from)
}
