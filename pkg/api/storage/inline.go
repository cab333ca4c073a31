package storage

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/volumesource"
)

// validateInline checks a volume that a pod described itself and that is to be
// attached all the same: a CSI volume, with nothing that only a
// PersistentVolume has.
func validateInline(spec *corev1.PersistentVolumeSpec, path *field.Path) (errs field.ErrorList) {
	const context = " in the context of inline volumes"
	forbid := func(name string, isSet bool, why string) {
		if isSet {
			errs = append(errs, field.Forbidden(path.Child(name), why+context))
		}
	}
	const never = "may not be specified"
	forbid("claimRef", spec.ClaimRef != nil, never)
	forbid("capacity", len(spec.Capacity) > 0, never)
	if spec.CSI == nil {
		errs = append(errs, field.Required(path.Child("csi"), "has to be specified"+context))
	}
	errs = append(errs, validateAccessModes(spec.AccessModes, path.Child("accessModes"))...)
	policy := spec.PersistentVolumeReclaimPolicy
	forbid("persistentVolumeReclaimPolicy", policy != "" && policy != corev1.PersistentVolumeReclaimRetain, "may only be Retain")
	forbid("nodeAffinity", spec.NodeAffinity != nil, never)
	others := spec.PersistentVolumeSource
	others.CSI = nil
	switch alone := others == (corev1.PersistentVolumeSource{}); {
	case spec.CSI != nil && alone:
		errs = append(errs, volumesource.CSI(spec.CSI, path.Child("csi"))...)
	case spec.CSI != nil:
		errs = append(errs, field.Forbidden(path.Child("csi"), volumesource.Several))
	case alone:
		errs = append(errs, field.Required(path, "must specify a volume type"))
	}
	forbid("storageClassName", spec.StorageClassName != "", never)
	forbid("volumeMode", spec.VolumeMode != nil && *spec.VolumeMode != corev1.PersistentVolumeFilesystem, "may not specify volumeMode other than Filesystem")
	return errs
}

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path) (errs field.ErrorList) {
	if len(modes) == 0 {
		errs = append(errs, field.Required(path, ""))
	}
	alone, shared := false, false
	for _, mode := range modes {
		wrong := check.OneOf(mode, path, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)
		errs = append(errs, wrong...)
		alone = alone || mode == corev1.ReadWriteOncePod
		shared = shared || mode != corev1.ReadWriteOncePod && len(wrong) == 0
	}
	if alone && shared {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}
