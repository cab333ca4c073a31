package api

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(label, pods, phase string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Generation: 3, Labels: map[string]string{"a": label}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: label}}},
		Spec:       corev1.NodeSpec{PodCIDR: pods}, Status: corev1.NodeStatus{Phase: corev1.NodePhase(phase)},
	}
}

func TestStatus(t *testing.T) {
	put := func(_ context.Context, to, from *corev1.Node) { to.Status = from.Status }
	for name, c := range map[string]struct {
		status Subresource
		label  string
	}{
		"with the metadata": {Status(put, nil), "new"},
		"alone":             {StatusAlone(put, nil), "old"},
	} {
		parent := node("old", "1", "Pending")
		if err := c.status.Put(t.Context(), parent, node("new", "2", "Running")); err != nil {
			t.Fatal(err)
		}
		if parent.Spec.PodCIDR != "1" || parent.Status.Phase != "Running" || parent.Labels["a"] != c.label || parent.ManagedFields[0].Manager != "new" {
			t.Errorf("%s: %+v", name, parent)
		}
	}
}

func TestParts(t *testing.T) {
	parts := PartsOf(func(n *corev1.Node) (*corev1.NodeSpec, *corev1.NodeStatus) { return &n.Spec, &n.Status })
	created := node("a", "1", "Running")
	if parts.PrepareCreate(t.Context(), created); created.Generation != 1 || created.Status.Phase != "" || created.Spec.PodCIDR != "1" {
		t.Errorf("created: %+v", created)
	}
	for pods, generation := range map[string]int64{"1": 3, "2": 4} {
		updated := node("b", pods, "Running")
		parts.PrepareUpdate(t.Context(), updated, node("a", "1", "Pending"))
		if updated.Generation != generation || updated.Status.Phase != "Pending" || updated.Labels["a"] != "b" {
			t.Errorf("updated to %s: %+v", pods, updated)
		}
	}
	alone := PartsOf(func(n *corev1.Node) (*corev1.NodeSpec, *NoStatus) { return &n.Spec, nil })
	if alone.PrepareCreate(t.Context(), created); created.Generation != 1 {
		t.Errorf("without a status: %+v", created)
	}
}
