package rest

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAlike(t *testing.T) {
	var known alike
	owned := []metav1.ManagedFieldsEntry{{Manager: "me", FieldsV1: &metav1.FieldsV1{Raw: []byte("{}")}}}
	known.remember("me", twoContainers(), owned)
	for name, test := range map[string]struct {
		manager string
		change  func(*corev1.Pod)
		known   bool
	}{
		"another name":         {"me", func(p *corev1.Pod) { p.Name = "q" }, true},
		"another manager":      {"you", func(*corev1.Pod) {}, false},
		"another label":        {"me", func(p *corev1.Pod) { p.Labels["app"] = "b" }, false},
		"another value":        {"me", func(p *corev1.Pod) { p.Spec.NodeName = "" }, false},
		"empty instead of nil": {"me", func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{} }, false},
	} {
		pod := twoContainers()
		test.change(pod)
		before := pod.Name
		fields, ok := known.fields(test.manager, pod)
		if ok != test.known || pod.Name != before {
			t.Errorf("%s: known %t, name %q", name, ok, pod.Name)
		}
		if ok && (fields[0].Time == nil || fields[0].Manager != "me" || owned[0].Time != nil) {
			t.Errorf("%s: %v", name, fields)
		}
	}
	for i := range exemplarsMost {
		pod := twoContainers()
		pod.Namespace = fmt.Sprint(i)
		known.remember("me", pod, owned)
	}
	if _, ok := known.fields("me", twoContainers()); ok || len(*known.known.Load()) != exemplarsMost {
		t.Errorf("%d are remembered, the oldest too", len(*known.known.Load()))
	}
	pod := twoContainers()
	pod.Annotations = map[string]string{"big": string(make([]byte, exemplarSize))}
	if known.remember("me", pod, owned); len(*known.known.Load()) != exemplarsMost || (*known.known.Load())[0].object == pod {
		t.Error("a big object is remembered")
	}
}
