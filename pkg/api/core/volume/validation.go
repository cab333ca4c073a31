package volume

import (
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/claim"
	"slowmo/pkg/api/core/podspec"
	"slowmo/pkg/api/core/resources"
)

func validateVolume(obj api.Object) (errs field.ErrorList) {
	pv, at := obj.(*corev1.PersistentVolume), field.NewPath("spec")
	spec := &pv.Spec
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(at.Child("accessModes"), ""))
	}
	errs = append(errs, claim.ValidateModes(spec.AccessModes, at.Child("accessModes"))...)
	errs = append(errs, validateCapacity(spec.Capacity, at.Child("capacity"))...)
	if policy := spec.PersistentVolumeReclaimPolicy; policy != "" {
		errs = append(errs, check.OneOf(policy, at.Child("persistentVolumeReclaimPolicy"),
			corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	}
	if spec.NodeAffinity != nil {
		errs = append(errs, validateAffinity(spec.NodeAffinity, at.Child("nodeAffinity"))...)
	}
	errs = append(errs, ValidateSource(spec, pv.Name, at)...)
	if host := spec.HostPath; host != nil && path.Clean(host.Path) == "/" && spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(at.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if spec.StorageClassName != "" {
		errs = append(errs, check.DNS1123Subdomain(spec.StorageClassName, at.Child("storageClassName"))...)
	}
	if mode := spec.VolumeMode; mode != nil {
		errs = append(errs, check.OneOf(*mode, at.Child("volumeMode"), corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	if class := spec.VolumeAttributesClassName; class != nil {
		errs = append(errs, validateAttributesClass(*class, spec.CSI != nil, at)...)
	}
	return append(errs, validateMountOptions(pv)...)
}

// validateMountOptions refuses the annotation that was there before the field of the
// same name, for sources that are not mounted with options.
func validateMountOptions(pv *corev1.PersistentVolume) field.ErrorList {
	s := &pv.Spec.PersistentVolumeSource
	options := s.GCEPersistentDisk != nil || s.AWSElasticBlockStore != nil || s.Glusterfs != nil || s.NFS != nil || s.RBD != nil ||
		s.Quobyte != nil || s.ISCSI != nil || s.Cinder != nil || s.CephFS != nil || s.AzureFile != nil || s.VsphereVolume != nil ||
		s.AzureDisk != nil || s.PhotonPersistentDisk != nil
	if _, there := pv.Annotations[corev1.MountOptionAnnotation]; !there || options {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("metadata", "annotations", corev1.MountOptionAnnotation), "may not specify mount options for this volume type")}
}

func validateCapacity(capacity corev1.ResourceList, at *field.Path) (errs field.ErrorList) {
	if len(capacity) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	if _, ok := capacity[corev1.ResourceStorage]; !ok || len(capacity) > 1 {
		errs = append(errs, field.NotSupported(at, capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	for _, name := range resources.Names(capacity) {
		quantity, at := capacity[name], at.Key(string(name))
		errs = append(errs, validateBasic(quantity, at)...)
		if quantity.Sign() <= 0 {
			errs = append(errs, field.Invalid(at, quantity.String(), "must be greater than zero"))
		}
	}
	return errs
}

func validateAffinity(affinity *corev1.VolumeNodeAffinity, at *field.Path) field.ErrorList {
	if affinity.Required == nil {
		return field.ErrorList{field.Required(at.Child("required"), "must specify required node constraints")}
	}
	return podspec.ValidateNodeSelector(affinity.Required, at.Child("required"))
}

func validateAttributesClass(class string, hasDriver bool, at *field.Path) (errs field.ErrorList) {
	if class == "" {
		errs = append(errs, field.Required(at.Child("volumeAttributesClassName"), "an empty string is disallowed"))
	} else {
		errs = append(errs, check.DNS1123Subdomain(class, at.Child("volumeAttributesClassName"))...)
	}
	if !hasDriver {
		errs = append(errs, field.Required(at.Child("csi"), "has to be specified when using volumeAttributesClassName"))
	}
	return errs
}

// validateVolumeUpdate holds that a volume stays what it is: it may be bound to
// another claim, but its data are elsewhere only if it is another volume.
func validateVolumeUpdate(obj, old api.Object) field.ErrorList {
	pv, before := obj.(*corev1.PersistentVolume), old.(*corev1.PersistentVolume)
	errs := validateVolume(pv)
	source, was := pv.Spec.PersistentVolumeSource.DeepCopy(), &before.Spec.PersistentVolumeSource
	if source.CSI != nil && was.CSI != nil && was.CSI.ControllerExpandSecretRef == nil {
		source.CSI.ControllerExpandSecretRef = nil // which may be added
	}
	if !equality.Semantic.DeepEqual(source, was) {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "persistentvolumesource"),
			fmt.Sprintf("spec.persistentvolumesource is immutable after creation\n%v", diff.Diff(api.Internal(was), api.Internal(source)))))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(pv.Spec.VolumeMode, before.Spec.VolumeMode, field.NewPath("volumeMode"))...)
	if affinity := pv.Spec.NodeAffinity; before.Spec.NodeAffinity != nil && !equality.Semantic.DeepEqual(affinity, withNewLabels(before.Spec.NodeAffinity, affinity)) {
		errs = append(errs, field.Invalid(field.NewPath("nodeAffinity"), api.Internal(affinity), "field is immutable, except for updating from beta label to GA"))
	}
	if before.Spec.VolumeAttributesClassName != nil && pv.Spec.VolumeAttributesClassName == nil {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "volumeAttributesClassName"), "update from non-nil value to nil is forbidden"))
	}
	return errs
}

// successors are the labels that have taken the place of others.
var successors = map[string]string{
	corev1.LabelFailureDomainBetaZone:   corev1.LabelTopologyZone,
	corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	corev1.LabelInstanceType:            corev1.LabelInstanceTypeStable,
	"beta.kubernetes.io/os":             corev1.LabelOSStable,
	"beta.kubernetes.io/arch":           corev1.LabelArchStable,
}

// withNewLabels returns old with those labels replaced that now has replaced by
// their successors: that much may change.
func withNewLabels(old, now *corev1.VolumeNodeAffinity) *corev1.VolumeNodeAffinity {
	if old.Required == nil || now == nil || now.Required == nil || len(old.Required.NodeSelectorTerms) != len(now.Required.NodeSelectorTerms) {
		return old
	}
	old = old.DeepCopy()
	for i := range old.Required.NodeSelectorTerms {
		was, is := &old.Required.NodeSelectorTerms[i], &now.Required.NodeSelectorTerms[i]
		rename(was.MatchExpressions, is.MatchExpressions)
		rename(was.MatchFields, is.MatchFields)
	}
	return old
}

// rename gives requirements the keys that have taken the place of theirs in is. No key
// takes the place of any that has no successor, as upstream has it.
func rename(was, is []corev1.NodeSelectorRequirement) {
	for i := range min(len(was), len(is)) {
		if successors[was[i].Key] == is[i].Key {
			was[i].Key = is[i].Key
		}
	}
}
