package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// topologyLabels is the plugin PodTopologyLabels: a pod gets the zone and the region of the
// node that it is bound to as labels, where its containers can read them.
type topologyLabels struct {
	plugin.Mutates
	store *storage.Store
}

// Mutate adds the labels to pods that get a node. A pod's own ones stay.
func (t *topologyLabels) Mutate(ctx context.Context, a *request.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" || !plugin.Is(a, "", "pods/binding") && !(a.Operation == request.Create && plugin.Is(a, "", "pods")) {
		return nil
	}
	node, err := t.store.Collection(core.Node).Get(ctx, "", pod.Spec.NodeName, storage.Any)
	if err != nil {
		return nil // a node that is not there is in no zone
	}
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		value, known := node.Labels[key]
		if _, own := pod.Labels[key]; own || !known {
			continue
		}
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels[key] = value
	}
	return nil
}
