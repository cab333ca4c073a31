// Package noderestriction is the admission plugin NodeRestriction. It lets a
// kubelet write its own node, the pods that are bound to it, and nothing that
// would give it more than that.
//
// pods.go, tokens.go and certificates.go are about its pods, and about what it may ask for on
// their behalf; this file is about everything else.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
package noderestriction

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// New returns the plugin. authorizer is asked about audiences that no pod names.
func New(store *storage.Store, authorizer request.Authorizer) request.Admission {
	return &nodeRestriction{store: store, authorizer: authorizer}
}

type nodeRestriction struct {
	plugin.Validates
	store      *storage.Store
	authorizer request.Authorizer
}

// Validate has a word only on the writes of nodes.
func (n *nodeRestriction) Validate(ctx context.Context, a *request.Attributes) error {
	if !authz.IsNode(a.User) || a.Operation == request.Connect {
		return nil
	}
	node, named := authz.NodeName(a.User)
	if !named {
		return plugin.Forbid(a, fmt.Errorf("could not determine node from user %q", a.User.Name))
	}
	var err error
	switch a.Resource.Group + "/" + a.Resource.Resource + "/" + a.Subresource {
	case "/pods/":
		err = n.pod(ctx, node, a)
	case "/pods/status":
		err = podStatus(node, a)
	case "/pods/eviction":
		err = n.eviction(ctx, node, a)
	case "/nodes/", "/nodes/status":
		err = ownNode(node, a)
	case "/persistentvolumeclaims/status":
		err = claimStatus(node, a)
	case "/persistentvolumeclaims/":
		err = errors.New("may only update PVC status")
	case "/serviceaccounts/token":
		err = n.token(ctx, node, a)
	case "certificates.k8s.io/podcertificaterequests/":
		err = n.podCertificate(ctx, node, a)
	case "coordination.k8s.io/leases/":
		err = ownLease(node, a)
	case "storage.k8s.io/csinodes/":
		err = ownCSINode(node, a)
	case "resource.k8s.io/resourceslices/":
		err = ownSlice(node, a)
	}
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsInternalError(err) {
		return err
	}
	return plugin.Forbid(a, err)
}

func ownNode(node string, a *request.Attributes) error {
	if name := plugin.NameOf(a); name != node {
		return fmt.Errorf("node %q is not allowed to modify node %q", node, name)
	}
	obj, ok := a.Object.(*corev1.Node)
	if !ok {
		return nil
	}
	old, _ := a.OldObject.(*corev1.Node)
	if a.Operation == request.Create || old == nil {
		if changed := forbiddenLabels(obj, &corev1.Node{}); len(changed) > 0 {
			return fmt.Errorf("node %q is not allowed to set the following labels: %s", node, strings.Join(changed, ", "))
		}
		return nil
	}
	if !equality.Semantic.DeepEqual(obj.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", node)
	}
	if changed := forbiddenLabels(obj, old); len(changed) > 0 {
		return fmt.Errorf("is not allowed to modify labels: %s", strings.Join(changed, ", "))
	}
	if !equality.Semantic.DeepEqual(obj.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", node)
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

func ownCSINode(node string, a *request.Attributes) error {
	if plugin.NameOf(a) != node {
		return errors.New("can only access CSINode with the same name as the requesting node")
	}
	return nil
}

// ownSlice looks at new slices only: for others the authorizer knows the node.
func ownSlice(node string, a *request.Attributes) error {
	slice, ok := a.Object.(*resourcev1.ResourceSlice)
	if ok && a.Operation == request.Create && (slice.Spec.NodeName == nil || *slice.Spec.NodeName != node) {
		return errors.New("can only create ResourceSlice with the same NodeName as the requesting node")
	}
	return nil
}

// claimStatus lets a kubelet tell how far it has come with growing a volume.
func claimStatus(node string, a *request.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	old, hasOld := a.OldObject.(*corev1.PersistentVolumeClaim)
	if a.Operation != request.Update || !ok || !hasOld {
		return fmt.Errorf("unexpected operation %q", a.Operation)
	}
	masked := claim.DeepCopy()
	masked.ResourceVersion, masked.ManagedFields = old.ResourceVersion, old.ManagedFields
	masked.Status.Capacity, masked.Status.Conditions = old.Status.Capacity, old.Status.Conditions
	masked.Status.AllocatedResources, masked.Status.AllocatedResourceStatuses = old.Status.AllocatedResources, old.Status.AllocatedResourceStatuses
	if !equality.Semantic.DeepEqual(masked, old) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.quantity and status.conditions", node)
	}
	return nil
}
