package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// nodeRestriction lets a kubelet write its own node, the pods that are bound
// to it, and nothing that would give it more than that.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
type nodeRestriction struct {
	store *storage.Store
}

// Mutate changes nothing.
func (n *nodeRestriction) Mutate(context.Context, *request.Attributes) error { return nil }

// Validate has a word only on the writes of nodes.
func (n *nodeRestriction) Validate(ctx context.Context, a *request.Attributes) error {
	node, isNode := authz.NodeName(a.User)
	if !isNode || a.Operation == request.Connect {
		return nil
	}
	var err error
	switch a.Resource.Group + "/" + a.Resource.Resource + "/" + a.Subresource {
	case "/pods/":
		err = n.pod(ctx, node, a)
	case "/pods/status":
		err = podStatus(node, a)
	case "/pods/eviction":
		err = n.ownPod(ctx, node, a, "create evictions for")
	case "/nodes/", "/nodes/status":
		err = ownNode(node, a)
	case "/serviceaccounts/token":
		err = n.token(ctx, node, a)
	case "coordination.k8s.io/leases/":
		err = ownLease(node, a)
	}
	if err != nil {
		return forbid(a, err)
	}
	return nil
}

func (n *nodeRestriction) pod(ctx context.Context, node string, a *request.Attributes) error {
	switch a.Operation {
	case request.Create:
		return mirrorPod(node, a.Object.(*corev1.Pod))
	case request.Delete:
		return n.ownPod(ctx, node, a, "delete")
	}
	return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", a.Operation, node)
}

// mirrorPod: the pods that a kubelet makes only show what it runs anyway.
func mirrorPod(node string, pod *corev1.Pod) error {
	if !isMirror(pod) {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", node)
	}
	if len(pod.OwnerReferences) != 1 {
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", node)
	}
	owner := pod.OwnerReferences[0]
	if owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != node {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", node)
	}
	if pod.Spec.ServiceAccountName != "" {
		return fmt.Errorf("node %q can not create pods that reference a service account", node)
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret != nil || volume.ConfigMap != nil || volume.PersistentVolumeClaim != nil || volume.Projected != nil {
			return fmt.Errorf("node %q can not create pods that reference secrets, configmaps or persistentvolumeclaims", node)
		}
	}
	return nil
}

// ownPod checks that the pod that the request names is bound to the node.
func (n *nodeRestriction) ownPod(ctx context.Context, node string, a *request.Attributes, what string) error {
	pod, ok := a.OldObject.(*corev1.Pod)
	if !ok {
		var err error
		if pod, err = lookup[*corev1.Pod](ctx, n.store.Collection(core.Pod), a.Namespace, a.Name); err != nil {
			return err
		}
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node %q can only %s pods with spec.nodeName set to itself", node, what)
	}
	return nil
}

func podStatus(node string, a *request.Attributes) error {
	old, ok := a.OldObject.(*corev1.Pod)
	if !ok || a.Operation != request.Update {
		return fmt.Errorf("unexpected operation %q, node %q can only update pod status", a.Operation, node)
	}
	if old.Spec.NodeName != node {
		return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", node)
	}
	if pod, ok := a.Object.(*corev1.Pod); ok && !equality.Semantic.DeepEqual(pod.Labels, old.Labels) {
		return fmt.Errorf("node %q cannot update labels through pod status", node)
	}
	return nil
}

func ownNode(node string, a *request.Attributes) error {
	if name := nameOf(a); name != node {
		return fmt.Errorf("node %q is not allowed to modify node %q", node, name)
	}
	obj, ok := a.Object.(*corev1.Node)
	if !ok {
		return nil
	}
	old, _ := a.OldObject.(*corev1.Node)
	if old == nil {
		old = &corev1.Node{}
	}
	if a.Operation == request.Update && !equality.Semantic.DeepEqual(obj.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", node)
	}
	if a.Operation == request.Update && !equality.Semantic.DeepEqual(obj.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", node)
	}
	if changed := forbiddenLabels(obj, old); len(changed) > 0 {
		verb := "modify labels:"
		if a.Operation == request.Create {
			verb = "set the following labels:"
		}
		return fmt.Errorf("node %q is not allowed to %s %s", node, verb, strings.Join(changed, ", "))
	}
	return nil
}

// selfLabels are those in Kubernetes' own domains that a kubelet may give itself.
var selfLabels = []string{
	corev1.LabelHostname, corev1.LabelTopologyZone, corev1.LabelTopologyRegion,
	corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion,
	corev1.LabelInstanceType, corev1.LabelInstanceTypeStable,
	corev1.LabelOSStable, corev1.LabelArchStable, corev1.LabelWindowsBuild,
	"beta.kubernetes.io/os", "beta.kubernetes.io/arch",
}

// forbiddenLabels lists the labels that differ and that others rely on, such as
// node-role.kubernetes.io and whatever keeps workloads apart
// (node-restriction.kubernetes.io).
func forbiddenLabels(obj, old api.Object) []string {
	differ := map[string]bool{}
	for key, value := range obj.GetLabels() {
		if before, there := old.GetLabels()[key]; !there || before != value {
			differ[key] = true
		}
	}
	for key := range old.GetLabels() {
		if _, there := obj.GetLabels()[key]; !there {
			differ[key] = true
		}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(differ)) {
		if isKubernetesLabel(key) && !isSelfLabel(key) {
			out = append(out, key)
		}
	}
	return out
}

func isKubernetesLabel(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	return found && (inDomain(domain, "kubernetes.io") || inDomain(domain, "k8s.io"))
}

func isSelfLabel(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	return slices.Contains(selfLabels, key) || inDomain(domain, "kubelet.kubernetes.io") || inDomain(domain, "node.kubernetes.io")
}

func inDomain(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// token lets a kubelet ask only for tokens that die with a pod of its own.
func (n *nodeRestriction) token(ctx context.Context, node string, a *request.Attributes) error {
	asked, ok := a.Object.(*authenticationv1.TokenRequest)
	if !ok || asked.Spec.BoundObjectRef == nil || asked.Spec.BoundObjectRef.Kind != "Pod" || asked.Spec.BoundObjectRef.APIVersion != "v1" {
		return fmt.Errorf("node requested token not bound to a pod")
	}
	ref := asked.Spec.BoundObjectRef
	if ref.UID == "" {
		return fmt.Errorf("node requested token with a pod binding without a uid")
	}
	pod, err := lookup[*corev1.Pod](ctx, n.store.Collection(core.Pod), a.Namespace, ref.Name)
	if err != nil {
		return err
	}
	if pod.UID != ref.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", ref.UID, pod.UID)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node requested token bound to a pod scheduled on a different node")
	}
	return nil
}

func ownLease(node string, a *request.Attributes) error {
	if a.Namespace != corev1.NamespaceNodeLease {
		return fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	lease, _ := a.Object.(*coordinationv1.Lease)
	if a.Operation == request.Create && lease != nil && lease.Name != node || a.Operation != request.Create && a.Name != node {
		return fmt.Errorf("can only access node lease with the same name as the requesting node")
	}
	return nil
}
