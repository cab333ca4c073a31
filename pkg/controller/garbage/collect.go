package garbage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"slowmo/pkg/component/cause"
)

// sync does what one object needs: it loses owners, or it goes, or it is let go.
// It acts on the object as the server has it now; the graph says only where to look.
func (c *Controller) sync(ctx context.Context, uid types.UID) error {
	item := c.graph.get(uid)
	if item == nil || item.settled() {
		return nil
	}
	live, err := c.client(item.identity).Get(ctx, item.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil // the event is on its way
	case err != nil:
		return err
	case live.UID != item.uid:
		return nil
	}
	switch {
	case item.awaitsOrphaning():
		return c.orphanDependents(ctx, item, live)
	case item.awaitsDependents():
		return c.letGo(ctx, item, live)
	case live.DeletionTimestamp != nil:
		return nil
	}
	return c.judge(ctx, item, live)
}

// judge decides by its owners what becomes of an object: it stays with those that
// stand, loses those that do not, and goes when none is left.
func (c *Controller) judge(ctx context.Context, item *node, live *metav1.PartialObjectMetadata) error {
	var standing, waitingFor, lost []types.UID
	for _, ref := range live.OwnerReferences {
		state, err := c.ownerState(ctx, item, ref)
		if err != nil {
			return err
		}
		switch state {
		case gone:
			lost = append(lost, ref.UID)
		case waiting:
			waitingFor = append(waitingFor, ref.UID)
		default:
			standing = append(standing, ref.UID)
		}
	}
	switch {
	case len(waitingFor)+len(lost) == 0:
		return nil
	case len(standing) > 0:
		return c.dropOwners(ctx, item, append(lost, waitingFor...))
	case len(waitingFor) > 0 && len(c.graph.dependentNodes(item.uid)) > 0:
		return c.deleteInForeground(ctx, item, live)
	}
	return c.delete(ctx, item, policyOf(live))
}

// policyOf is how an object that is collected treats its own dependents: as the
// finalizers that somebody has put on it say, else they follow in their turn.
func policyOf(live *metav1.PartialObjectMetadata) metav1.DeletionPropagation {
	switch {
	case slices.Contains(live.Finalizers, metav1.FinalizerOrphanDependents):
		return metav1.DeletePropagationOrphan
	case slices.Contains(live.Finalizers, metav1.FinalizerDeleteDependents):
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// ownerState asks the graph and, about what that does not know, the server.
func (c *Controller) ownerState(ctx context.Context, item *node, ref metav1.OwnerReference) (ownerState, error) {
	if state := c.graph.owner(item, ref); state != unknown {
		return state, nil
	}
	resource, namespaced, err := c.monitors.resourceOf(schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind))
	if err != nil {
		return unknown, fmt.Errorf("owner %s %s of %s %s: %w", ref.Kind, ref.Name, item.resource.Resource, item.name, err)
	}
	if namespaced && item.namespace == "" {
		return solid, nil // a reference that cannot be followed: leave the object alone
	}
	at := identity{resource: resource, name: ref.Name}
	if namespaced {
		at.namespace = item.namespace
	}
	owner, err := c.client(at).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || err == nil && owner.UID != ref.UID:
		c.graph.isAbsent(item, ref)
		return gone, nil
	case err != nil:
		return unknown, err
	case owner.DeletionTimestamp != nil && slices.Contains(owner.Finalizers, metav1.FinalizerDeleteDependents):
		return waiting, nil
	}
	return solid, nil
}

func (c *Controller) delete(ctx context.Context, item *node, policy metav1.DeletionPropagation) error {
	err := c.client(item.identity).Delete(ctx, item.name, metav1.DeleteOptions{
		Preconditions: metav1.NewUIDPreconditions(string(item.uid)), PropagationPolicy: &policy,
	})
	return unlessGone(err)
}

// deleteInForeground deletes an object that its owner waits for and that has
// dependents of its own, so that the owner waits for these too. A dependent that
// waits in its turn would close a circle, which is opened by not blocking any owner.
func (c *Controller) deleteInForeground(ctx context.Context, item *node, live *metav1.PartialObjectMetadata) error {
	if slices.ContainsFunc(c.graph.dependentNodes(item.uid), (*node).awaitsDependents) {
		refs := slices.Clone(live.OwnerReferences)
		for i := range refs {
			refs[i].BlockOwnerDeletion = new(bool)
		}
		patch := map[string]any{"uid": live.UID, "resourceVersion": live.ResourceVersion, "ownerReferences": refs}
		if err := c.patch(ctx, item, types.MergePatchType, patch); err != nil {
			return err
		}
	}
	return c.delete(ctx, item, metav1.DeletePropagationForeground)
}

// letGo lets an object that waits for its dependents go when none blocks it.
func (c *Controller) letGo(ctx context.Context, item *node, live *metav1.PartialObjectMetadata) error {
	blocked := false
	for _, dependent := range c.graph.dependentNodes(item.uid) {
		if slices.ContainsFunc(dependent.owners, func(ref metav1.OwnerReference) bool { return ref.UID == item.uid && blocks(ref) }) {
			blocked = true
			if !dependent.deleting {
				c.queue.Add(dependent.uid, cause.From(ctx)...)
			}
		}
	}
	if blocked {
		return nil
	}
	return c.dropFinalizer(ctx, item, live, metav1.FinalizerDeleteDependents)
}

// orphanDependents takes the owner away from all its dependents, then lets it go.
func (c *Controller) orphanDependents(ctx context.Context, item *node, live *metav1.PartialObjectMetadata) error {
	for _, dependent := range c.graph.dependentNodes(item.uid) {
		if err := c.dropOwners(ctx, dependent, []types.UID{item.uid}); err != nil {
			return fmt.Errorf("orphan %s %s/%s: %w", dependent.resource.Resource, dependent.namespace, dependent.name, err)
		}
	}
	return c.dropFinalizer(ctx, item, live, metav1.FinalizerOrphanDependents)
}

// dropOwners removes owner references. Custom resources know no strategic merge
// patch; their list is replaced as a whole, guarded by the revision read.
func (c *Controller) dropOwners(ctx context.Context, item *node, uids []types.UID) error {
	var refs []any
	for _, uid := range uids {
		refs = append(refs, map[string]any{"$patch": "delete", "uid": uid})
	}
	err := c.patch(ctx, item, types.StrategicMergePatchType, map[string]any{"uid": item.uid, "ownerReferences": refs})
	if !apierrors.IsUnsupportedMediaType(err) {
		return err
	}
	live, err := c.client(item.identity).Get(ctx, item.name, metav1.GetOptions{})
	if err != nil || live.UID != item.uid {
		return unlessGone(err)
	}
	left := slices.DeleteFunc(slices.Clone(live.OwnerReferences), func(ref metav1.OwnerReference) bool { return slices.Contains(uids, ref.UID) })
	return c.patch(ctx, item, types.MergePatchType, map[string]any{
		"uid": item.uid, "resourceVersion": live.ResourceVersion, "ownerReferences": left})
}

// dropFinalizer removes one finalizer, guarded by itself: other changes of the
// object are no conflict, another order of its finalizers is and is tried anew.
func (c *Controller) dropFinalizer(ctx context.Context, item *node, live *metav1.PartialObjectMetadata, finalizer string) error {
	i := slices.Index(live.Finalizers, finalizer)
	if i < 0 {
		return nil
	}
	at := "/metadata/finalizers/" + strconv.Itoa(i)
	body, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": live.UID},
		{"op": "test", "path": at, "value": finalizer},
		{"op": "remove", "path": at},
	})
	if err != nil {
		return err
	}
	_, err = c.client(item.identity).Patch(ctx, item.name, types.JSONPatchType, body, metav1.PatchOptions{})
	return unlessGone(err)
}

// patch changes an object's metadata.
func (c *Controller) patch(ctx context.Context, item *node, kind types.PatchType, meta map[string]any) error {
	body, err := json.Marshal(map[string]any{"metadata": meta})
	if err != nil {
		return err
	}
	_, err = c.client(item.identity).Patch(ctx, item.name, kind, body, metav1.PatchOptions{})
	return unlessGone(err)
}

// unlessGone takes it for success that the object is not there any more.
func unlessGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (c *Controller) client(of identity) metadata.ResourceInterface {
	return c.metadata.Resource(of.resource).Namespace(of.namespace)
}
