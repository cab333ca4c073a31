package authz

import (
	"context"

	storagev1 "k8s.io/api/storage/v1"

	"slowmo/pkg/api"
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

// reachesVolume and reachesVolumeSecret know no volumes yet: they are not served.
func (n *Node) reachesVolume(context.Context, string, string) bool    { return false }
func (n *Node) reachesVolumeSecret(context.Context, string, use) bool { return false }

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

func (n *Node) resourceSlice(context.Context, string, *request.Info) (string, bool) { return "", false }
