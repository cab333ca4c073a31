package wire

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kubernetes' protobuf: four magic bytes, then a runtime.Unknown that says what
// it holds and holds it as bytes. Frames of a watch are a WatchEvent after four
// bytes of length. Field numbers are those of apimachinery's generated.proto.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
var magic = []byte("k8s\x00")

// unknownTail is the empty contentEncoding and contentType of an Unknown.
var unknownTail = []byte{3<<3 | 2, 0, 4<<3 | 2, 0}

func marshalProto(obj runtime.Object) ([]byte, error) {
	message, ok := obj.(interface{ Marshal() ([]byte, error) })
	if !ok {
		return nil, fmt.Errorf("object %T does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message", obj)
	}
	return message.Marshal()
}

// envelope wraps the message of an object.
func envelope(gvk schema.GroupVersionKind, raw []byte) Parts {
	return Parts{envelopeHead(gvk, len(raw)), raw, unknownTail}
}

// envelopeHead is an envelope up to its message of size bytes.
func envelopeHead(gvk schema.GroupVersionKind, size int) []byte {
	version, kind := gvk.ToAPIVersionAndKind()
	meta := appendField(nil, 1, []byte(version))
	meta = appendField(meta, 2, []byte(kind))
	out := append(make([]byte, 0, len(magic)+len(meta)+16), magic...)
	out = appendField(out, 1, meta)
	return appendHead(out, 2, size)
}

// appendField appends a length-delimited field.
func appendField(to []byte, number protowire.Number, value []byte) []byte {
	return append(appendHead(to, number, len(value)), value...)
}

// appendHead appends the tag and the length of a field whose value follows.
func appendHead(to []byte, number protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.BytesType), uint64(size))
}

// protoFrame is the frame of one watch event about an object that is wrapped in
// its envelope.
func protoFrame(event string, object Parts) Parts {
	size := object.size()
	extension := appendHead(nil, 1, size) // RawExtension.raw
	body := appendField(nil, 1, []byte(event))
	body = appendHead(body, 2, len(extension)+size)
	body = append(body, extension...)
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)+size))
	return append(Parts{append(head, body...)}, object...)
}
