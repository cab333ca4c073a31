package volume

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podwarnings"
)

// classWarnings speaks of the annotation that was there before the field.
func classWarnings(obj api.Object) []string {
	if _, ok := obj.GetAnnotations()[corev1.BetaStorageClassAnnotation]; !ok {
		return nil
	}
	return []string{fmt.Sprintf(`metadata.annotations[%s]: deprecated since v1.8; use "storageClassName" attribute instead`, corev1.BetaStorageClassAnnotation)}
}

func volumeWarnings(_ context.Context, obj, _ api.Object) []string {
	pv, at := obj.(*corev1.PersistentVolume), field.NewPath("spec")
	out := classWarnings(pv)
	if pv.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		out = append(out, "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.")
	}
	if affinity := pv.Spec.NodeAffinity; affinity != nil && affinity.Required != nil {
		out = append(out, podwarnings.NodeTerms(affinity.Required.NodeSelectorTerms, at.Child("nodeAffinity", "required", "nodeSelectorTerms"))...)
	}
	s := &pv.Spec.PersistentVolumeSource
	for _, old := range []struct {
		used          bool
		name, message string
	}{
		{s.CephFS != nil, "cephfs", "deprecated in v1.28, non-functional in v1.31+"},
		{s.PhotonPersistentDisk != nil, "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"},
		{s.ScaleIO != nil, "scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
		{s.StorageOS != nil, "storageOS", "deprecated in v1.22, non-functional in v1.25+"},
		{s.Glusterfs != nil, "glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
		{s.RBD != nil, "rbd", "deprecated in v1.28, non-functional in v1.31+"},
	} {
		if old.used {
			out = append(out, fmt.Sprintf("%s: %s", at.Child(old.name), old.message))
		}
	}
	return out
}

func claimWarnings(_ context.Context, obj, _ api.Object) []string {
	claim := obj.(*corev1.PersistentVolumeClaim)
	return append(classWarnings(claim), podwarnings.Claim(&claim.Spec, field.NewPath("spec"))...)
}
