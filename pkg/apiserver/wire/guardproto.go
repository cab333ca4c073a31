package wire

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Protobuf does not say which bytes are messages. The Go types do, in their tags.

// protoFits counts the fields of a message of type t in its envelope, which has
// some that are empty as well.
func protoFits(data []byte, t reflect.Type, most int) bool {
	raw, ok := bytes.CutPrefix(data, magic)
	if !ok {
		return true
	}
	c := protoCounter{left: 2 * most, most: most}
	c.each(raw, func(number protowire.Number, value []byte) {
		if number == 2 { // runtime.Unknown's raw
			c.message(value, t)
		}
	})
	return c.left >= 0
}

type protoCounter struct{ left, most int }

// each calls visit for the fields of a message that hold bytes, while there are
// values left.
func (c *protoCounter) each(message []byte, visit func(protowire.Number, []byte)) {
	for len(message) > 0 && c.left >= 0 {
		c.left--
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return // for the decoder to refuse
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			visit(number, value)
		}
		message = message[size:]
	}
}

// Types whose bytes are JSON, which is decoded as well.
var (
	rawExtension = reflect.TypeFor[runtime.RawExtension]()
	fieldsV1     = reflect.TypeFor[metav1.FieldsV1]()
)

// message counts for three beside its fields.
func (c *protoCounter) message(data []byte, t reflect.Type) {
	c.left -= 3
	messages := messagesOf(t)
	c.each(data, func(number protowire.Number, value []byte) {
		switch inner := messages[number]; {
		case inner != nil:
			c.message(value, inner)
		case (t == rawExtension || t == fieldsV1) && number == 1 && !jsonFits(value, c.most):
			c.left = -1
		}
	})
}

var messageTypes sync.Map // reflect.Type -> map[protowire.Number]reflect.Type

// messagesOf returns the fields of t that are messages, with their types. A
// map's entry is left alone: its values are small.
func messagesOf(t reflect.Type) map[protowire.Number]reflect.Type {
	if known, ok := messageTypes.Load(t); ok {
		return known.(map[protowire.Number]reflect.Type)
	}
	messages := map[protowire.Number]reflect.Type{}
	for i := range t.NumField() {
		tag := strings.Split(t.Field(i).Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue
		}
		number, err := strconv.Atoi(tag[1])
		inner := t.Field(i).Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if err == nil && inner.Kind() == reflect.Struct {
			messages[protowire.Number(number)] = inner
		}
	}
	messageTypes.Store(t, messages)
	return messages
}
