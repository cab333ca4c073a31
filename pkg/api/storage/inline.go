package storage

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/claim"
	"slowmo/pkg/api/core/volume"
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
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(path.Child("accessModes"), ""))
	}
	errs = append(errs, claim.ValidateModes(spec.AccessModes, path.Child("accessModes"))...)
	policy := spec.PersistentVolumeReclaimPolicy
	forbid("persistentVolumeReclaimPolicy", policy != "" && policy != corev1.PersistentVolumeReclaimRetain, "may only be Retain")
	forbid("nodeAffinity", spec.NodeAffinity != nil, never)
	errs = append(errs, volume.ValidateSource(spec, "", path)...)
	forbid("storageClassName", spec.StorageClassName != "", never)
	forbid("volumeMode", spec.VolumeMode != nil && *spec.VolumeMode != corev1.PersistentVolumeFilesystem, "may not specify volumeMode other than Filesystem")
	return errs
}
