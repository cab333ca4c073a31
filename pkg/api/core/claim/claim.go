// Package claim is what all claims to volumes have in common, whether they exist
// or are templates: in StatefulSets and in pods with ephemeral volumes.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims
package claim

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

// Default fills what a claim leaves open.
func Default(claim *corev1.PersistentVolumeClaim) {
	DefaultSpec(&claim.Spec)
	if claim.Status.Phase == "" {
		claim.Status.Phase = corev1.ClaimPending
	}
	resources.Round(claim.Status.Capacity)
	resources.Round(claim.Status.AllocatedResources)
}

// DefaultSpec fills what the spec of a claim leaves open.
func DefaultSpec(spec *corev1.PersistentVolumeClaimSpec) {
	if spec.VolumeMode == nil {
		spec.VolumeMode = ptr.To(corev1.PersistentVolumeFilesystem)
	}
	resources.Round(spec.Resources.Limits)
	resources.Round(spec.Resources.Requests)
}

// ValidateSpec answers for the spec of a claim at path.
func ValidateSpec(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	return ValidateChange(spec, nil, path)
}

// ValidateChange is ValidateSpec for a claim that was there before, if was is not nil.
func ValidateChange(spec, was *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	errs := validateAccess(spec, path)
	storage := path.Child("resources").Key(string(corev1.ResourceStorage))
	if size, ok := spec.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(storage, ""))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(storage, size.String(), "must be greater than zero"))
	}
	if class := ptr.Deref(spec.StorageClassName, ""); class != "" {
		errs = append(errs, check.DNS1123Subdomain(class, path.Child("storageClassName"))...)
	}
	if mode := spec.VolumeMode; mode != nil {
		errs = append(errs, check.OneOf(*mode, path.Child("volumeMode"), corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	errs = append(errs, validateSources(spec, path, namesGroup(was))...)
	if class := ptr.Deref(spec.VolumeAttributesClassName, ""); class != "" {
		errs = append(errs, check.DNS1123Subdomain(class, path.Child("volumeAttributesClassName"))...)
	}
	return errs
}

// namesGroup reports whether a claim has named a group that it is filled from: what
// it names after that is not looked at.
func namesGroup(was *corev1.PersistentVolumeClaimSpec) bool {
	return was != nil && (was.DataSource != nil && was.DataSource.APIGroup != nil || was.DataSourceRef != nil && was.DataSourceRef.APIGroup != nil)
}

func validateAccess(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) (errs field.ErrorList) {
	modes := path.Child("accessModes")
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(modes, "at least 1 access mode is required"))
	}
	if spec.Selector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(spec.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	}
	return append(errs, ValidateModes(spec.AccessModes, modes)...)
}

// ValidateModes checks the ways in which a volume is mounted: by one pod alone, or
// in ways that allow more.
func ValidateModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path) (errs field.ErrorList) {
	shared := []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce}
	for _, mode := range modes {
		errs = append(errs, check.OneOf(mode, path, append(shared, corev1.ReadWriteOncePod)...)...)
	}
	isShared := func(mode corev1.PersistentVolumeAccessMode) bool { return slices.Contains(shared, mode) }
	if slices.Contains(modes, corev1.ReadWriteOncePod) && slices.ContainsFunc(modes, isShared) {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

// validateSources checks what a volume is to be filled from. dataSource is the
// old way to say it, and says the same where both are there.
func validateSources(spec *corev1.PersistentVolumeClaimSpec, path *field.Path, anyGroup bool) (errs field.ErrorList) {
	source, ref := spec.DataSource, spec.DataSourceRef
	if source != nil {
		errs = append(errs, validateSource(source, path.Child("dataSource"), anyGroup)...)
	}
	if ref == nil {
		return errs
	}
	same := corev1.TypedLocalObjectReference{APIGroup: ref.APIGroup, Kind: ref.Kind, Name: ref.Name}
	errs = append(errs, validateSource(&same, path.Child("dataSourceRef"), anyGroup)...)
	elsewhere := ptr.Deref(ref.Namespace, "")
	if elsewhere != "" {
		errs = append(errs, check.Text(elsewhere, path.Child("dataSourceRef", "namespace"), validation.IsDNS1123Label)...)
	}
	switch {
	case source == nil:
	case elsewhere != "":
		errs = append(errs, field.Invalid(path, path.Child("dataSource"), "may not be specified when dataSourceRef.namespace is specified"))
	case !reflect.DeepEqual(*source, same):
		errs = append(errs, field.Invalid(path, path.Child("dataSource"), "must match dataSourceRef"))
	}
	return errs
}

func validateSource(source *corev1.TypedLocalObjectReference, path *field.Path, anyGroup bool) (errs field.ErrorList) {
	if source.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	if source.Kind == "" {
		errs = append(errs, field.Required(path.Child("kind"), ""))
	}
	group := ptr.Deref(source.APIGroup, "")
	if group == "" && source.Kind != "PersistentVolumeClaim" {
		errs = append(errs, field.Invalid(path, source.Kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
	}
	if group != "" && !anyGroup {
		errs = append(errs, check.DNS1123Subdomain(group, path.Child("apiGroup"))...)
	}
	return errs
}
