package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	storageapi "slowmo/pkg/api/storage"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// The annotations that mark the default storage class.
const (
	defaultStorage     = "storageclass.kubernetes.io/is-default-class"
	defaultStorageBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

// defaultStorageClass gives claims that name no class the default one.
type defaultStorageClass struct {
	plugin.Mutates
	store *storage.Store
}

// Mutate names the class. Without a default the claim waits for one.
func (d *defaultStorageClass) Mutate(ctx context.Context, a *request.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	if !ok || !plugin.Is(a, "", "persistentvolumeclaims") || a.Operation != request.Create || hasClass(claim) {
		return nil
	}
	classes, err := plugin.List[*storagev1.StorageClass](ctx, d.store.Collection(storageapi.StorageClass), "")
	if err != nil {
		return plugin.Forbid(a, err)
	}
	if class := marked(classes, defaultStorage, defaultStorageBeta); class != nil {
		claim.Spec.StorageClassName = &class.Name
	}
	return nil
}

// hasClass: the empty name is one too, that of no class at all.
func hasClass(claim *corev1.PersistentVolumeClaim) bool {
	_, annotated := claim.Annotations[corev1.BetaStorageClassAnnotation]
	return annotated || claim.Spec.StorageClassName != nil
}

// classOf returns the claim's class, in either form.
func classOf(claim *corev1.PersistentVolumeClaim) string {
	if name, annotated := claim.Annotations[corev1.BetaStorageClassAnnotation]; annotated {
		return name
	}
	if claim.Spec.StorageClassName != nil {
		return *claim.Spec.StorageClassName
	}
	return ""
}
