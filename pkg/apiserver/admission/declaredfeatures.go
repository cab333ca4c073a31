package admission

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/version"
	ndf "k8s.io/component-helpers/nodedeclaredfeatures"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component"
	"slowmo/pkg/storage"
)

// declaredFeatures is the plugin NodeDeclaredFeatureValidator: a running pod is
// changed only to what its kubelet says that it can do.
//
// https://kep.k8s.io/5328
type declaredFeatures struct {
	plugin.Validates
	store *storage.Store
}

// Validate refuses changes that the pod's node knows nothing of.
func (d *declaredFeatures) Validate(ctx context.Context, a *request.Attributes) error {
	pod, old := changedPod(a)
	if old == nil || a.Subresource != "" && a.Subresource != "resize" {
		return nil
	}
	needs, err := ndf.DefaultFramework.InferForPodUpdate(podInfo(old), podInfo(alike(pod, old)), version.MustParse(component.Version))
	if err != nil {
		return plugin.Forbid(a, fmt.Errorf("failed to infer pod capability requirements: %w", err))
	}
	if needs.IsEmpty() {
		return nil
	}
	node, err := nodeOf(ctx, d.store, a, pod)
	if err != nil {
		return err
	}
	match, err := ndf.DefaultFramework.MatchNode(needs, node)
	if err != nil {
		return plugin.Forbid(a, fmt.Errorf("failed to match pod requirements against node %q: %w", node.Name, err))
	}
	if !match.IsMatch {
		return plugin.Forbid(a, fmt.Errorf("pod update requires features %s which are not available on node %q",
			strings.Join(match.UnsatisfiedRequirements, ", "), node.Name))
	}
	return nil
}

func podInfo(pod *corev1.Pod) *ndf.PodInfo { return &ndf.PodInfo{Spec: &pod.Spec, Status: &pod.Status} }

// alike returns pod with those resources of init containers that mean the same
// as before in the same form: the library compares them as Go values.
func alike(pod, old *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	for i := range min(len(pod.Spec.InitContainers), len(old.Spec.InitContainers)) {
		now, before := &pod.Spec.InitContainers[i].Resources, old.Spec.InitContainers[i].Resources
		if equality.Semantic.DeepEqual(*now, before) {
			*now = before
		}
	}
	return pod
}
