package fieldmanager

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/randfill"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
	"slowmo/pkg/api/apitest"
)

func TestAlike(t *testing.T) {
	var known alike
	owned := []metav1.ManagedFieldsEntry{{Manager: "me", FieldsV1: &metav1.FieldsV1{Raw: []byte("{}")}}}
	known.remember("me", apitest.TwoContainers(), owned)
	for name, test := range map[string]struct {
		manager string
		change  func(*corev1.Pod)
		known   bool
	}{
		"another name":         {"me", func(p *corev1.Pod) { p.Name = "q" }, true},
		"another manager":      {"you", func(*corev1.Pod) {}, false},
		"another label":        {"me", func(p *corev1.Pod) { p.Labels["b"] = "" }, false},
		"a label's value":      {"me", func(p *corev1.Pod) { p.Labels["app"] = "b" }, true},
		"a value":              {"me", func(p *corev1.Pod) { p.Spec.NodeName = "other" }, true},
		"no value":             {"me", func(p *corev1.Pod) { p.Spec.NodeName = "" }, false},
		"an element":           {"me", func(p *corev1.Pod) { p.Spec.Containers[0].Name = "c" }, false},
		"empty instead of nil": {"me", func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{} }, false},
	} {
		pod := apitest.TwoContainers()
		test.change(pod)
		fields, ok := known.fields(test.manager, pod)
		if ok != test.known {
			t.Errorf("%s: known %t", name, ok)
		}
		if ok && (fields[0].Time == nil || fields[0].Manager != "me" || owned[0].Time != nil) {
			t.Errorf("%s: %v", name, fields)
		}
	}
	for i := range exemplarsMost {
		pod := apitest.TwoContainers()
		pod.Labels = map[string]string{fmt.Sprint(i): ""}
		known.remember("me", pod, owned)
	}
	if _, ok := known.fields("me", apitest.TwoContainers()); ok || len(*known.known.Load()) != exemplarsMost {
		t.Errorf("%d are remembered, the oldest too", len(*known.known.Load()))
	}
	pod := apitest.TwoContainers()
	pod.Annotations = map[string]string{"big": string(make([]byte, exemplarSize))}
	if memorable(pod) || !memorable(apitest.TwoContainers()) {
		t.Error("a big object is memorable, or a small one is not")
	}
}

// TestAlikeAsUpstream: where the same fields are said to be set, upstream's
// comparison finds that the same are owned.
func TestAlikeAsUpstream(t *testing.T) {
	scheme := all.Scheme()
	types := NewTypes(scheme)
	random := randfill.NewWithSeed(1).NilChance(.3).NumElements(1, 2).MaxDepth(8).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1000), resource.DecimalSI)
		},
		func(r *runtime.RawExtension, c randfill.Continue) {},
		func(f *metav1.FieldsV1, c randfill.Continue) {},
	)
	for _, kind := range []struct {
		gvk schema.GroupVersionKind
		new func() api.Object
	}{
		{corev1.SchemeGroupVersion.WithKind("Event"), func() api.Object { return &corev1.Event{} }},
		{corev1.SchemeGroupVersion.WithKind("Secret"), func() api.Object { return &corev1.Secret{} }},
		{corev1.SchemeGroupVersion.WithKind("Service"), func() api.Object { return &corev1.Service{} }},
		{appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), func() api.Object { return &appsv1.ReplicaSet{} }},
	} {
		manager := types.Manager(Kind{Resource: &api.Resource{Kind: kind.gvk.Kind, New: kind.new}, Version: api.Version{Group: kind.gvk.Group, Version: kind.gvk.Version}})
		owned := func(obj api.Object) []byte {
			if err := manager.Changed("me", obj, kind.new()); err != nil {
				t.Fatal(err)
			}
			if len(obj.GetManagedFields()) == 0 {
				return nil
			}
			return obj.GetManagedFields()[0].FieldsV1.Raw
		}
		same := 0
		for range 300 {
			a := kind.new()
			random.Fill(a)
			a.GetObjectKind().SetGroupVersionKind(kind.gvk)
			a.SetManagedFields(nil)
			b := a.DeepCopyObject().(api.Object)
			vary(reflect.ValueOf(b).Elem())
			b.GetObjectKind().SetGroupVersionKind(kind.gvk)
			if !sameFields(reflect.ValueOf(a), reflect.ValueOf(b)) {
				continue
			}
			same++
			if of, other := owned(a), owned(b); !bytes.Equal(of, other) {
				t.Fatalf("%s: %s\n%s\n%+v\n%+v", kind.gvk.Kind, of, other, a, b)
			}
		}
		if same == 0 {
			t.Errorf("%s: no two were the same", kind.gvk.Kind)
		}
	}
}

// vary changes one text or number in two, some to nothing and some in lists.
func vary(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			vary(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				vary(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 && rand.IntN(20) == 0 {
			for i := range v.Len() {
				vary(v.Index(i))
			}
		}
	case reflect.String:
		if rand.IntN(2) == 0 {
			v.SetString(v.String() + "x")
		}
	case reflect.Int32, reflect.Int64:
		if rand.IntN(2) == 0 {
			v.SetInt(v.Int() + 1)
		}
	}
}
