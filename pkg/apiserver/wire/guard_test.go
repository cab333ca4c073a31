package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"slowmo/pkg/api/all"
)

// encodings are the serializers of all content types.
func encodings() map[string]runtime.Serializer {
	scheme := all.Scheme()
	return map[string]runtime.Serializer{
		runtime.ContentTypeJSON:     json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{}),
		runtime.ContentTypeProtobuf: protobuf.NewSerializer(scheme, scheme),
		runtime.ContentTypeCBOR:     cbor.NewSerializer(scheme, scheme),
	}
}

// An EndpointSlice of the largest size passes in all encodings; a pod with
// twenty thousand containers in none.
func TestValuesAreCounted(t *testing.T) {
	yes, text := true, "some-text"
	slice := &discoveryv1.EndpointSlice{TypeMeta: metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"}}
	for range 1000 {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{"10.0.0.1"}, NodeName: &text, Zone: &text,
			Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &yes},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "web-0", UID: "abc"},
			Hints:      &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "a"}}},
		})
	}
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}, Spec: corev1.PodSpec{Containers: make([]corev1.Container, MaxValues)}}
	for contentType, encoding := range encodings() {
		for _, tt := range []struct {
			obj  runtime.Object
			fits bool
		}{{slice, true}, {pod, false}} {
			var body bytes.Buffer
			if err := encoding.Encode(tt.obj, &body); err != nil {
				t.Fatal(err)
			}
			if err := CheckBody(contentType, body.Bytes(), tt.obj, MaxValues); (err == nil) != tt.fits {
				t.Errorf("%s: %T: %v", contentType, tt.obj, err)
			}
		}
	}
}

func TestJSONValues(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `{}`: 1, `[1,2]`: 2, `{"a":[{}]}`: 3, `",,,"`: 0, `"\",,",`: 1, `"\\",`: 1, `"open,,`: 0,
	} {
		if got := JSONValues([]byte(text), 100); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	if got := JSONValues(bytes.Repeat([]byte("["), 100), 10); got != 11 {
		t.Errorf("counted %d, want one more than asked for", got)
	}
}

func TestFromYAML(t *testing.T) {
	lines := strings.Repeat("- a\n", 10)
	bomb := "a: &a [" + strings.Repeat("x,", 100) + "]\nb: &b [" + strings.Repeat("*a,", 100) + "]\nc: [" + strings.Repeat("*b,", 100) + "]\n"
	for _, tt := range []struct{ name, text, want string }{
		{"YAML", "a: {b: yes}\n", `{"a":{"b":true}}`},
		{"JSON", `{"a":1}`, `{"a":1}`},
		{"a flow mapping", "{a: 1}", `{"a":1}`},
		{"a key twice", "a: 1\na: 2\n", `{"a":2} and twice`},
		{"a key twice in JSON", `{"a":1,"a":2}`, `{"a":2} and twice`},
		{"aliases", "a: &x [1]\nb: *x\n", `{"a":[1],"b":[1]}`},
		{"a list", "a:\n" + lines, `{"a":["a","a","a","a","a","a","a","a","a","a"]}`},
		{"no YAML", "a: [", "error"},
		{"aliases that grow", bomb, "413"},
		{"a long text many times", "a: &a " + strings.Repeat("x", 10000) + "\nb: [" + strings.Repeat("*a,", 1000) + "]", "413"},
		{"an alias of itself", "a: &a [*a]", "413"},
		{"nested", strings.Repeat("- ", 70000), "413"},
		{"many lines", strings.Repeat("- a\n", 40000), "413"},
		{"long", strings.Repeat("x", maxYAML+1), "413"},
	} {
		data, twice, err := FromYAML([]byte(tt.text), MaxValues)
		got := string(data)
		if twice != nil {
			got += " and twice"
		}
		if err != nil {
			got = "error"
			if code := StatusOf(err).Code; code == 413 {
				got = fmt.Sprint(code)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %.80s %v, want %s", tt.name, got, err, tt.want)
		}
	}
}
