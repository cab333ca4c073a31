package all

import (
	"bytes"
	"context"
	"math/rand"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/equality"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"sigs.k8s.io/randfill"

	"slowmo/pkg/api"
)

const rounds = 10

// newFiller makes random objects, the same ones in each run.
func newFiller() *randfill.Filler {
	return fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, rawFuncs, schemaFuncs, autoscalingFuncs), rand.NewSource(1), serializer.NewCodecFactory(Scheme()))
}

// TestRoundTrip encodes and decodes random objects of each kind in each encoding.
func TestRoundTrip(t *testing.T) {
	scheme := Scheme()
	encodings := map[string]runtime.Serializer{
		"json":     json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{}),
		"yaml":     json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true}),
		"protobuf": protobuf.NewSerializer(scheme, scheme),
		"cbor":     cbor.NewSerializer(scheme, scheme),
	}
	filler := newFiller()
	for _, r := range Resources() {
		for range rounds {
			obj := r.New()
			filler.Fill(obj)
			obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
			for name, encoding := range encodings {
				checkRoundTrip(t, r.Kind+" as "+name, obj, encoding)
			}
		}
	}
}

func checkRoundTrip(t *testing.T, name string, obj runtime.Object, encoding runtime.Serializer) {
	t.Helper()
	var encoded bytes.Buffer
	if err := encoding.Encode(obj, &encoded); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	back, _, err := encoding.Decode(encoded.Bytes(), nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	// Protobuf carries the kind in its envelope.
	back.GetObjectKind().SetGroupVersionKind(obj.GetObjectKind().GroupVersionKind())
	if !equality.Semantic.DeepEqual(obj, back) {
		t.Errorf("%s: came back changed", name)
	}
}

// TestVersions converts random objects to their other forms and back.
func TestVersions(t *testing.T) {
	filler := newFiller()
	for _, r := range Resources() {
		for _, v := range r.Versions {
			if v.Hidden {
				continue // is only read
			}
			for range rounds {
				obj := r.New()
				filler.Fill(obj)
				obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
				served, err := v.To(obj)
				if err != nil {
					t.Fatal(err)
				}
				back, err := v.From(served)
				if err != nil {
					t.Fatal(err)
				}
				back.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind())
				if !equality.Semantic.DeepEqual(obj, back) {
					t.Errorf("%s through %s/%s: came back changed", r.Kind, v.Group, v.Version)
				}
			}
		}
	}
}

// TestAnyObject puts random objects through all that a definition does: none
// may panic, whatever a client sends, and defaults must be stable.
func TestAnyObject(t *testing.T) {
	ctx, now, filler := t.Context(), time.Now(), newFiller()
	for _, r := range Resources() {
		random := func() api.Object {
			obj := r.New()
			filler.Fill(obj)
			if r.Default != nil {
				r.Default(obj)
			}
			return obj
		}
		for range rounds {
			obj, old := random(), random()
			checkDefaultsStable(t, r, obj)
			if r.Row != nil {
				// The age of an IPAddress has no column, as upstream has it.
				if row := r.Row(obj, now); len(row) != len(r.Columns) && r.Kind != "IPAddress" {
					t.Fatalf("%s: %d cells in %d columns", r.Kind, len(row), len(r.Columns))
				}
			}
			if r.Fields != nil {
				set := r.Fields(obj)
				for _, name := range r.FieldNames {
					if _, ok := set[name]; !ok {
						t.Fatalf("%s: field %s is named but has no value", r.Kind, name)
					}
				}
			}
			create(ctx, r, random())
			update(ctx, r, obj, old)
			for i := range r.Subresources {
				putSubresource(ctx, r, &r.Subresources[i], random(), filler)
			}
		}
	}
}

func checkDefaultsStable(t *testing.T, r *api.Resource, obj api.Object) {
	t.Helper()
	if r.Default == nil {
		return
	}
	again := obj.DeepCopyObject().(api.Object)
	r.Default(again)
	if !equality.Semantic.DeepEqual(obj, again) {
		t.Errorf("%s: defaults differ the second time", r.Kind)
	}
}

func create(ctx context.Context, r *api.Resource, obj api.Object) {
	if r.PrepareCreate != nil {
		r.PrepareCreate(ctx, obj)
	}
	if r.Validate != nil {
		r.Validate(obj)
	}
	if r.Warnings != nil {
		r.Warnings(ctx, obj, nil)
	}
	if r.Grace != nil {
		r.Grace(obj, &metav1.DeleteOptions{})
	}
	if r.BeginDelete != nil {
		r.BeginDelete(obj)
	}
}

func update(ctx context.Context, r *api.Resource, obj, old api.Object) {
	if r.PrepareUpdate != nil {
		r.PrepareUpdate(ctx, obj, old)
	}
	if r.ValidateUpdate != nil {
		r.ValidateUpdate(obj, old)
	}
}

func putSubresource(ctx context.Context, r *api.Resource, s *api.Subresource, parent api.Object, filler *randfill.Filler) {
	if s.Put == nil {
		return
	}
	body := r.New()
	if s.New != nil {
		body = s.New()
	}
	filler.Fill(body)
	if s.New == nil && r.Default != nil {
		r.Default(body)
	}
	old := parent.DeepCopyObject().(api.Object)
	if err := s.Put(ctx, parent, body); err != nil {
		return
	}
	if s.Get != nil && r.PrepareUpdate != nil {
		r.PrepareUpdate(ctx, parent, old)
	}
	switch {
	case s.Validate != nil:
		s.Validate(parent, old)
	case r.ValidateUpdate != nil:
		r.ValidateUpdate(parent, old)
	}
}
