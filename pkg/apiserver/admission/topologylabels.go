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

// Mutate adds the labels to a pod that has its node from the start, and to the binding of
// one that gets it. They take the place of its own ones.
func (t *topologyLabels) Mutate(ctx context.Context, a *request.Attributes) error {
	switch obj := a.Object.(type) {
	case *corev1.Pod:
		if plugin.Is(a, "", "pods") && obj.Spec.NodeName != "" {
			obj.Labels = t.label(ctx, obj.Labels, obj.Spec.NodeName)
		}
	case *corev1.Binding:
		if plugin.Is(a, "", "pods/binding") && obj.Target.Kind == "Node" {
			obj.Labels = t.label(ctx, obj.Labels, obj.Target.Name)
		}
	}
	return nil
}

// label adds a node's labels to others. A node that is not there is in no zone.
func (t *topologyLabels) label(ctx context.Context, labels map[string]string, name string) map[string]string {
	node, err := t.store.Collection(core.Node).Get(ctx, "", name, storage.Any)
	if err != nil {
		return labels
	}
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		if value, known := node.Labels[key]; known {
			if labels == nil {
				labels = map[string]string{}
			}
			labels[key] = value
		}
	}
	return labels
}
