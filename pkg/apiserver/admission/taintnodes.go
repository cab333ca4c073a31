package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// taintNodes is the plugin TaintNodesByCondition: a new node gets no pods
// before the node controller has seen that it is ready.
type taintNodes struct{ plugin.Mutates }

// Mutate adds the taint to nodes that are being created.
func (taintNodes) Mutate(_ context.Context, a *request.Attributes) error {
	node, ok := a.Object.(*corev1.Node)
	if !ok || !plugin.Is(a, "", "nodes") || a.Operation != request.Create {
		return nil
	}
	notReady := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	for i := range node.Spec.Taints {
		if node.Spec.Taints[i].MatchTaint(&notReady) {
			return nil
		}
	}
	node.Spec.Taints = append(node.Spec.Taints, notReady)
	return nil
}
