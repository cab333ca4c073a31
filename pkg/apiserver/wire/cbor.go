package wire

import (
	"encoding/binary"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Kubernetes' CBOR: an object is a map like its JSON, behind the tag that says
// that this is CBOR. Strings and keys are byte strings, for they need not be
// UTF-8. A watch is one item after the other (RFC 8742).
//
// What is kept of an object is its map without kind and apiVersion, as it stands
// in a list; a whole object gets a new head with the two in it.
//
// https://www.rfc-editor.org/rfc/rfc8949

// selfDescribed is the tag, 55799.
var selfDescribed = []byte{0xd9, 0xd9, 0xf7}

// Major types of a data item's head.
const (
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
)

// appendCBORHead appends the head of an item of a major type: the length of bytes
// or the number of elements.
func appendCBORHead(to []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(to, major|byte(n))
	case n < 1<<8:
		return append(to, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(to, major|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(to, major|26), uint32(n))
}

func appendCBORString(to []byte, s string) []byte {
	return append(appendCBORHead(to, cborBytes, len(s)), s...)
}

// entries splits a map into the number of its entries and their bytes. The head
// is one that our own encoder wrote.
func entries(data []byte) (n int, rest []byte, err error) {
	switch {
	case len(data) > 0 && data[0]&^31 == cborMap && data[0]&31 < 24:
		return int(data[0] & 31), data[1:], nil
	case len(data) > 1 && data[0] == cborMap|24:
		return int(data[1]), data[2:], nil
	}
	return 0, nil, fmt.Errorf("the CBOR of an object begins with %x", data[:min(len(data), 2)])
}

// marshalCBOR encodes an object without its kind and apiVersion.
func marshalCBOR(obj runtime.Object) ([]byte, error) {
	bare := obj.DeepCopyObject() // others read obj
	bare.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return direct.Marshal(bare)
}

// cborObject is the map with kind and apiVersion of an object whose map is bare.
func cborObject(gvk schema.GroupVersionKind, bare []byte) (Parts, error) {
	n, rest, err := entries(bare)
	return Parts{cborHead(gvk, n), rest}, err
}

// cborHead begins a map with a kind, an apiVersion and more entries.
func cborHead(gvk schema.GroupVersionKind, more int) []byte {
	version, kind := gvk.ToAPIVersionAndKind()
	head := appendCBORHead(slices.Clone(selfDescribed), cborMap, more+2)
	head = appendCBORString(appendCBORString(head, "kind"), kind)
	return appendCBORString(appendCBORString(head, "apiVersion"), version)
}

func (k *Kind) cborList(media Media, items []Source, meta metav1.ListMeta) (Parts, error) {
	metadata, err := direct.Marshal(meta)
	if err != nil {
		return nil, err
	}
	s := k.shape(media)
	head := cborHead(k.listKind(s, media), 2)
	head = append(appendCBORString(head, "metadata"), metadata...)
	head = appendCBORHead(appendCBORString(head, "items"), cborArray, len(items))
	parts := append(make(Parts, 0, len(items)+1), head)
	for _, item := range items {
		bare, err := item.Bytes(s.cbor)
		if err != nil {
			return nil, err
		}
		if media.As.Empty() {
			parts = append(parts, bare)
			continue
		}
		object, err := cborObject(s.gvk, bare) // partial objects say what they are, in lists too
		if err != nil {
			return nil, err
		}
		parts = append(parts, object...)
	}
	return parts, nil
}

// cborFrame is the frame of one watch event about an object.
func cborFrame(event string, object Parts) Parts {
	head := appendCBORHead(slices.Clone(selfDescribed), cborMap, 2)
	head = appendCBORString(appendCBORString(head, "type"), event)
	return append(Parts{appendCBORString(head, "object")}, object...)
}

// fromJSON is the CBOR of what is kept as JSON only: Tables, which are for people.
func fromJSON(parts Parts) (Parts, error) {
	var value any
	if err := utiljson.Unmarshal(parts.Join(), &value); err != nil {
		return nil, err
	}
	data, err := direct.Marshal(value)
	return Parts{selfDescribed, data}, err
}
