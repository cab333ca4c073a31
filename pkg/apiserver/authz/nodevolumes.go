package authz

import (
	"context"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/certificates"
	"slowmo/pkg/api/core"
	resourceapi "slowmo/pkg/api/resource"
	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// What follows is not in the graph: it is asked for seldom, so the object
// itself is looked at.

// stored reads an object of the cache; false if it is not there.
func stored[T api.Object](ctx context.Context, store *storage.Store, r *api.Resource, namespace, name string) (T, bool) {
	var none T
	record, err := store.Collection(r).Get(ctx, namespace, name, storage.Any)
	if err != nil {
		return none, false
	}
	obj, err := record.Object()
	if err != nil {
		return none, false
	}
	return obj.(T), true
}

// reachesVolume: a volume belongs to the nodes of the pods that use its claim.
func (n *Node) reachesVolume(ctx context.Context, node, name string) bool {
	volume, there := stored[*corev1.PersistentVolume](ctx, n.store, core.PersistentVolume, "", name)
	if !there || volume.Spec.ClaimRef == nil {
		return false
	}
	claim := use{"persistentvolumeclaims", volume.Spec.ClaimRef.Namespace, volume.Spec.ClaimRef.Name}
	return n.graph.uses(node, claim) || n.usesNow(ctx, node, claim)
}

// reachesVolumeSecret: so do the secrets with which the volume is mounted.
func (n *Node) reachesVolumeSecret(ctx context.Context, node string, secret use) bool {
	for _, claim := range n.graph.claims(node) {
		bound, there := stored[*corev1.PersistentVolumeClaim](ctx, n.store, core.PersistentVolumeClaim, claim.namespace, claim.name)
		if !there || bound.Spec.VolumeName == "" {
			continue
		}
		volume, there := stored[*corev1.PersistentVolume](ctx, n.store, core.PersistentVolume, "", bound.Spec.VolumeName)
		if !there || volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.Namespace != claim.namespace || volume.Spec.ClaimRef.Name != claim.name {
			continue
		}
		if slices.Contains(volumeSecrets(volume), corev1.SecretReference{Namespace: secret.namespace, Name: secret.name}) {
			return true
		}
	}
	return false
}

func (n *Node) attachedTo(ctx context.Context, name string) string {
	attachment, there := stored[*storagev1.VolumeAttachment](ctx, n.store, storageapi.VolumeAttachment, "", name)
	if !there {
		return ""
	}
	return attachment.Spec.NodeName
}

func (n *Node) claimStatus(ctx context.Context, node string, info *request.Info) (string, bool) {
	switch info.Verb {
	case "get", "update", "patch":
		return n.related(ctx, node, info)
	}
	return "can only get/update/patch this type", false
}

func ownCSINode(node string, info *request.Info) (string, bool) {
	switch {
	case !keeps(info.Verb):
		return "can only get, create, update, patch, or delete a CSINode", false
	case info.Subresource != "":
		return "cannot authorize CSINode subresources", false
	case info.Verb != "create" && info.Name != node:
		return "can only access CSINode with the same name as the requesting node", false
	}
	return "", true
}

// resourceSlice lets a kubelet, for its drivers, write the slices of its own node and
// find them.
func (n *Node) resourceSlice(ctx context.Context, node string, info *request.Info) (string, bool) {
	if info.Subresource != "" {
		return "cannot authorize ResourceSlice subresources", false
	}
	switch info.Verb {
	case "create":
		return "", true // NodeRestriction looks at the node that the object names
	case "get", "update", "patch", "delete":
		slice, there := stored[*resourcev1.ResourceSlice](ctx, n.store, resourceapi.ResourceSlice, "", info.Name)
		if !there || slice.Spec.NodeName == nil || *slice.Spec.NodeName != node {
			return unrelated(node), false
		}
		return "", true
	case "list", "watch", "deletecollection":
		if named, _ := selected(info, resourcev1.ResourceSliceSelectorNodeName); named == node {
			return "", true
		}
		return "can only list/watch/deletecollection resourceslices with nodeName field selector", false
	}
	return "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection", false
}

// podCertificate lets a kubelet ask for certificates for its pods and find its requests.
func (n *Node) podCertificate(ctx context.Context, node string, info *request.Info) (string, bool) {
	if info.Subresource != "" {
		return "cannot authorize PodCertificateRequest subresources", false
	}
	switch info.Verb {
	case "create":
		return "", true // NodeRestriction looks at the pod that the object names
	case "get":
		asked, there := stored[*certificatesv1.PodCertificateRequest](ctx, n.store, certificates.PodCertificateRequest, info.Namespace, info.Name)
		if !there || string(asked.Spec.NodeName) != node {
			return unrelated(node), false
		}
		return "", true
	case "list", "watch":
		if named, _ := selected(info, "spec.nodeName"); named == node {
			return "", true
		}
		return "can only list/watch podcertificaterequests with nodeName field selector", false
	}
	return fmt.Sprintf("nodes may not %s podcertificaterequests", info.Verb), false
}

func unrelated(node string) string {
	return fmt.Sprintf("no relationship found between node '%s' and this object", node)
}
