package noderestriction

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
)

func (n *nodeRestriction) pod(ctx context.Context, node string, a *request.Attributes) error {
	switch a.Operation {
	case request.Create:
		pod, ok := a.Object.(*corev1.Pod)
		if !ok {
			return fmt.Errorf("unexpected type %T", a.Object)
		}
		return n.mirrorPod(ctx, node, pod)
	case request.Delete:
		return n.ownPod(ctx, a, node, fmt.Errorf("node %q can only delete pods with spec.nodeName set to itself", node))
	}
	return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", a.Operation, node)
}

// mirrorPod: the pods that a kubelet makes only show what it runs anyway, and
// refer to nothing that would then be its to read.
func (n *nodeRestriction) mirrorPod(ctx context.Context, node string, pod *corev1.Pod) error {
	if !plugin.IsMirror(pod) {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", node)
	}
	if err := n.ownedByNode(ctx, node, pod); err != nil {
		return err
	}
	if resource := referredTo(pod); resource != "" {
		return fmt.Errorf("node %q can not create pods that reference %q", node, resource)
	}
	return nil
}

// referredTo says what of the API a pod refers to first; empty if nothing.
func referredTo(pod *corev1.Pod) string {
	used := map[string]bool{"resourceclaims": len(pod.Spec.ResourceClaims) > 0}
	authz.VisitReferences(pod, func(resource, _ string) { used[resource] = true })
	for _, resource := range []string{"serviceaccounts", "secrets", "configmaps", "resourceclaims"} {
		if used[resource] {
			return resource
		}
	}
	for i := range pod.Spec.Volumes {
		switch volume := &pod.Spec.Volumes[i]; {
		case volume.CSI != nil:
			return "csidrivers (via CSI volumes)"
		case volume.Glusterfs != nil:
			return "endpoints (via glusterFS volumes)"
		case volume.PersistentVolumeClaim != nil:
			return "persistentvolumeclaims"
		case volume.Ephemeral != nil:
			return "persistentvolumeclaims (via ephemeral volumes)"
		case volume.Projected != nil:
			if resource := projected(volume.Projected); resource != "" {
				return resource
			}
		}
	}
	return ""
}

func projected(volume *corev1.ProjectedVolumeSource) string {
	for _, source := range volume.Sources {
		switch {
		case source.ServiceAccountToken != nil:
			return "serviceaccounts (via projected volumes)"
		case source.ClusterTrustBundle != nil:
			return "clustertrustbundles"
		case source.PodCertificate != nil:
			return "podcertificates"
		}
	}
	return ""
}

// ownedByNode: the pod goes when the node does, and does not keep it.
func (n *nodeRestriction) ownedByNode(ctx context.Context, node string, pod *corev1.Pod) error {
	if len(pod.OwnerReferences) > 1 {
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", node)
	}
	if len(pod.OwnerReferences) == 0 {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", node)
	}
	owner := pod.OwnerReferences[0]
	if owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != node {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", node)
	}
	if !ptr.Deref(owner.Controller, false) {
		return fmt.Errorf("node %q can only create pods with a controller owner reference set to itself", node)
	}
	if ptr.Deref(owner.BlockOwnerDeletion, false) {
		return fmt.Errorf("node %q must not set blockOwnerDeletion on an owner reference", node)
	}
	obj, err := plugin.Lookup[*corev1.Node](ctx, n.store.Collection(core.Node), "", node)
	if err != nil {
		return fmt.Errorf("error looking up node %s to verify uid: %w", node, err)
	}
	if owner.UID != obj.UID {
		return fmt.Errorf("node %s UID mismatch: expected %s got %s", node, owner.UID, obj.UID)
	}
	return nil
}

// ownPod returns otherwise unless the pod that the request names is bound to the node.
func (n *nodeRestriction) ownPod(ctx context.Context, a *request.Attributes, node string, otherwise error) error {
	pod, ok := a.OldObject.(*corev1.Pod)
	if !ok {
		var err error
		if pod, err = plugin.Lookup[*corev1.Pod](ctx, n.store.Collection(core.Pod), a.Namespace, a.Name); err != nil {
			return err
		}
	}
	if pod.Spec.NodeName != node {
		return otherwise
	}
	return nil
}

func (n *nodeRestriction) eviction(ctx context.Context, node string, a *request.Attributes) error {
	if a.Operation != request.Create {
		return fmt.Errorf("unexpected operation %s", a.Operation)
	}
	if eviction, ok := a.Object.(*policyv1.Eviction); a.Name == "" && (!ok || eviction.Name == "") {
		return errors.New("could not determine pod from request data")
	}
	return n.ownPod(ctx, a, node, fmt.Errorf("node %s can only evict pods with spec.nodeName set to itself", node))
}

func podStatus(node string, a *request.Attributes) error {
	old, ok := a.OldObject.(*corev1.Pod)
	if !ok || a.Operation != request.Update {
		return fmt.Errorf("unexpected operation %q, node %q can only update pod status", a.Operation, node)
	}
	if old.Spec.NodeName != node {
		return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", node)
	}
	pod, ok := a.Object.(*corev1.Pod)
	switch {
	case !ok:
		return fmt.Errorf("unexpected type %T", a.Object)
	case !equality.Semantic.DeepEqual(pod.Labels, old.Labels):
		return fmt.Errorf("node %q cannot update labels through pod status", node)
	case !equality.Semantic.DeepEqual(pod.Status.ResourceClaimStatuses, old.Status.ResourceClaimStatuses):
		return fmt.Errorf("node %q cannot update resource claim statuses", node)
	case !equality.Semantic.DeepEqual(pod.Status.ExtendedResourceClaimStatus, old.Status.ExtendedResourceClaimStatus):
		return fmt.Errorf("node %q cannot update extended resource claim statuses", node)
	}
	return nil
}
