package wire

import (
	"bytes"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
)

// A body costs by its values more than by its bytes: two bytes of "{}" are a
// kilobyte of container. So before anything is decoded its values are counted,
// in one pass without memory, and those with too many are refused.

// MaxValues is how many values one body may hold: elements, entries, objects. An
// EndpointSlice of the largest size has fewer. Kinds whose objects have more say so.
const MaxValues = 20000

func tooManyValues(most int) error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d values", most))
}

// CheckBody refuses data of a content type with more than most values. into is what
// it will be decoded into; it may be nil for JSON and CBOR.
func CheckBody(contentType string, data []byte, into any, most int) error {
	var fits bool
	switch contentType {
	case runtime.ContentTypeProtobuf:
		fits = protoFits(data, reflect.TypeOf(into).Elem(), most)
	case runtime.ContentTypeCBOR:
		fits = cborFits(data, most)
	default:
		fits = jsonFits(data, most)
	}
	if !fits {
		return tooManyValues(most)
	}
	return nil
}

// JSONValues counts the values in data, by what stands outside strings, and stops
// when there are more than most. Data that is no JSON is for the decoder to refuse.
func JSONValues(data []byte, most int) (n int) {
	for i := 0; i < len(data) && n <= most; i++ {
		switch data[i] {
		case ',', '[', '{':
			n++
		case '"':
			end := stringEnd(data[i+1:])
			if end < 0 {
				return n
			}
			i += 1 + end
		}
	}
	return n
}

func jsonFits(data []byte, most int) bool { return JSONValues(data, most) <= most }

// stringEnd returns the place of the quote that ends a JSON string, or -1.
func stringEnd(data []byte) int {
	for from := 0; ; {
		quote := bytes.IndexByte(data[from:], '"')
		if quote < 0 {
			return -1
		}
		end := from + quote
		escapes := 0
		for end-escapes > from && data[end-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end
		}
		from = end + 1
	}
}

// cborFits counts data items: one after the other, as they stand nested or not. An
// entry is two items, and an array or a map counts for three.
func cborFits(data []byte, most int) bool {
	n, maxItems := 0, 5*most/2
	for len(data) > 0 && n <= maxItems {
		n++
		if data[0]&^31 == cborArray || data[0]&^31 == cborMap {
			n += 2
		}
		major, info := data[0]&^31, data[0]&31
		data = data[1:]
		var argument uint64
		switch {
		case info < 24:
			argument = uint64(info)
		case info < 28:
			size := 1 << (info - 24)
			if len(data) < size {
				return true
			}
			for _, b := range data[:size] {
				argument = argument<<8 | uint64(b)
			}
			data = data[size:]
		}
		if major == cborBytes || major == cborText {
			if argument > uint64(len(data)) {
				return true
			}
			data = data[argument:]
		}
	}
	return n <= maxItems
}

// yamlFits counts what begins a value in YAML, also where it stands in a text: a
// text with as many commas is better sent as JSON.
func yamlFits(data []byte, most int) bool {
	n := 0
	for i, b := range data {
		switch b {
		case '\n', ',', '[', '{':
			n++
		case '-', '?', ':':
			if i+1 < len(data) && (data[i+1] == ' ' || data[i+1] == '\t') {
				n++
			}
		}
	}
	return n <= 3*most
}
