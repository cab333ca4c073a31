package admission

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// claimResize is the plugin PersistentVolumeClaimResize: only volumes whose
// class can grow them may be asked to grow.
type claimResize struct {
	plugin.Validates
	store *storage.Store
}

// Validate refuses claims that want more than they have and cannot get it.
func (c *claimResize) Validate(ctx context.Context, a *request.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	old, hasOld := a.OldObject.(*corev1.PersistentVolumeClaim)
	if !ok || !hasOld || !plugin.Is(a, "", "persistentvolumeclaims") || a.Operation != request.Update {
		return nil
	}
	had, wanted := old.Spec.Resources.Requests[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if wanted.Cmp(had) <= 0 {
		return nil
	}
	if old.Status.Phase != corev1.ClaimBound {
		//lint:ignore ST1005 upstream's words, which clients show
		return plugin.Forbid(a, errors.New("Only bound persistent volume claims can be expanded"))
	}
	if !c.grows(ctx, claim, old) {
		return plugin.Forbid(a, errors.New("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"))
	}
	return nil
}

// grows says whether the claim's class, which must not change, lets volumes grow.
func (c *claimResize) grows(ctx context.Context, claim, old *corev1.PersistentVolumeClaim) bool {
	name := classOf(claim)
	if name == "" || name != classOf(old) {
		return false
	}
	class, err := plugin.Lookup[*storagev1.StorageClass](ctx, c.store.Collection(storageapi.StorageClass), "", name)
	return err == nil && ptr.Deref(class.AllowVolumeExpansion, false)
}
