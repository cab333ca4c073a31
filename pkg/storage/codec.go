package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// envelope begins each stored protobuf; a runtime.Unknown follows, which names
// the kind and carries the object's own message.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
var envelope = []byte("k8s\x00")

// message is what the types of k8s.io/api generate for protobuf.
type message interface {
	runtime.ProtobufMarshaller
	Size() int
	Reset()
	Unmarshal([]byte) error
}

// encode returns the stored form of obj: JSON for custom resources and where
// upstream does the same, otherwise protobuf. As upstream stores it, the form has no
// resourceVersion, for etcd knows it; obj loses its own on the way, gets the kind of r and is settled.
func encode(r *api.Resource, obj api.Object) ([]byte, error) {
	obj.SetResourceVersion("")
	obj.SetSelfLink("")
	obj.GetObjectKind().SetGroupVersionKind(r.StorageKind())
	defer obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
	Settle(r, obj)
	m, ok := obj.(message)
	if !ok || r.StorageJSON {
		data, err := json.Marshal(obj)
		if err != nil {
			return nil, fmt.Errorf("storage: encode %s %s/%s: %w", r.Kind, obj.GetNamespace(), obj.GetName(), err)
		}
		return append(data, '\n'), nil
	}
	var unknown runtime.Unknown
	unknown.APIVersion, unknown.Kind = r.StorageKind().ToAPIVersionAndKind()
	size := m.Size()
	// The message's tag and length take at most eleven bytes.
	data := make([]byte, len(envelope)+unknown.Size()+size+11)
	n, err := unknown.NestedMarshalTo(data[copy(data, envelope):], m, uint64(size))
	if err != nil {
		return nil, fmt.Errorf("storage: encode %s %s/%s: %w", r.Kind, obj.GetNamespace(), obj.GetName(), err)
	}
	return data[:len(envelope)+n], nil
}

// decode returns the object of a stored form, converted to r's version if it is
// stored in another one that r serves, defaulted, with its resourceVersion.
func decode(r *api.Resource, data []byte, revision int64) (api.Object, error) {
	obj, err := unmarshal(r, data)
	if err != nil {
		return nil, err
	}
	obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
	if r.Default != nil {
		r.Default(obj)
	}
	obj.SetResourceVersion(strconv.FormatInt(revision, 10))
	return obj, nil
}

func unmarshal(r *api.Resource, data []byte) (api.Object, error) {
	if !bytes.HasPrefix(data, envelope) {
		var meta runtime.TypeMeta
		if err := json.Unmarshal(data, &meta); err != nil {
			return nil, errors.New("the value is neither protobuf in its envelope nor JSON; was it encrypted?")
		}
		return into(r, meta, func(obj api.Object) error { return json.Unmarshal(data, obj) })
	}
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(data[len(envelope):]); err != nil {
		return nil, err
	}
	return into(r, unknown.TypeMeta, func(obj api.Object) error {
		m, ok := obj.(message)
		if !ok {
			return fmt.Errorf("%s is stored as protobuf but has none", r.Kind)
		}
		return m.Unmarshal(unknown.Raw)
	})
}

// into makes an object of the version that meta names, has it filled, and
// returns it in r's version.
func into(r *api.Resource, meta runtime.TypeMeta, fill func(api.Object) error) (api.Object, error) {
	gvk := meta.GroupVersionKind()
	if gvk == r.GroupVersionKind() || gvk == r.StorageKind() {
		obj := r.New()
		return obj, fill(obj)
	}
	for _, v := range r.Versions {
		if gvk.Group != v.Group || gvk.Version != v.Version || gvk.Kind != r.Kind {
			continue
		}
		obj := v.New()
		if err := fill(obj); err != nil {
			return nil, err
		}
		return v.From(obj)
	}
	return nil, fmt.Errorf("stored as %s, which %s is not served as", gvk, r.GroupResource())
}
