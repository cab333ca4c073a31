package wire

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api/all"
	"slowmo/pkg/apiserver/request"
)

// fuzzDecoder feeds a decoder what a client might send. Nothing may panic, what
// is refused is refused as the client's mistake, and what is accepted can be
// encoded and accepted again.
func fuzzDecoder(f *testing.F, contentType string, seeds ...string) {
	decoder, want := NewDecoder(all.Scheme()), schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	pod := &corev1.Pod{}
	pod.APIVersion, pod.Kind, pod.Name = "v1", "Pod", "p"
	pod.Spec.Containers = []corev1.Container{{Name: "c", Image: "i"}}
	encoding := encodings()[contentType]
	if encoding == nil {
		encoding = encodings()[runtime.ContentTypeJSON]
	}
	var good bytes.Buffer
	if err := encoding.Encode(pod, &good); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:good.Len()/2])
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		into := &corev1.Pod{}
		if err := decoder.Decode(&request.State{}, contentType, data, into, want, "Warn", MaxValues); err != nil {
			if code := StatusOf(err).Code; code != 400 && code != 413 {
				t.Errorf("%d: %v", code, err)
			}
			return
		}
		var again bytes.Buffer
		if err := encoding.Encode(into, &again); err != nil {
			return // a string that is no UTF-8 can be kept and not be sent
		}
		if err := decoder.Decode(&request.State{}, contentType, again.Bytes(), &corev1.Pod{}, want, "Strict", MaxValues); err != nil {
			t.Errorf("what was accepted is refused when it comes back: %v", err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzzDecoder(f, runtime.ContentTypeJSON, "", "{", `[[[[`, `{"spec":{"containers":[{},{}]}}`, `{"metadata":{"name":"\ud800"}}`, `{"kind":"Secret","apiVersion":"v1"}`)
}

func FuzzYAML(f *testing.F) {
	fuzzDecoder(f, runtime.ContentTypeYAML, "", "a: &a [*a]", "kind: Pod\nkind: Pod", "? - : ?", "- - - -", "%YAML 1.1\n---\na: !!binary x\n")
}

func FuzzProtobuf(f *testing.F) {
	fuzzDecoder(f, runtime.ContentTypeProtobuf, "", "k8s\x00", "k8s\x00\x0a\x00", "k8s\x00\x12\xff\xff\xff\xff\x0f", "k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x12\x00")
}

func FuzzCBOR(f *testing.F) {
	fuzzDecoder(f, runtime.ContentTypeCBOR, "", "\xd9\xd9\xf7\xa0", "\x81\x81\x81", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\xbf\xff", "\xa1\x44spec\xa1\x4acontainers\x81\xa0")
}

// FuzzGuards holds that counting neither panics nor finds more than there can be.
func FuzzGuards(f *testing.F) {
	f.Add([]byte(`{"a":"\"","b":[1,2]}`))
	f.Add([]byte("k8s\x00\x12\x04\x12\x00\x12\x00"))
	f.Add([]byte("\xa1\x41a\x9a\x00\x00\x00\x01\xf6"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := JSONValues(data, MaxValues); n > len(data) {
			t.Errorf("%d values in %d bytes", n, len(data))
		}
		for _, contentType := range offered {
			if err := CheckBody(contentType, data, &corev1.Pod{}, MaxValues); err != nil && len(data) < MaxValues/3 {
				t.Errorf("%s: %d bytes have too many values: %v", contentType, len(data), err)
			}
		}
		_ = checkYAML(data, MaxValues)
	})
}
