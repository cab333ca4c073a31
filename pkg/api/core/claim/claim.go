// Package claim is what all claims to volumes have in common, whether they exist
// or are templates: in StatefulSets and in pods with ephemeral volumes.
//
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims
package claim

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

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
func ValidateSpec(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) (errs field.ErrorList) {
	errs = validateAccess(spec, path)
	storage := path.Child("resources").Key(string(corev1.ResourceStorage))
	if size, ok := spec.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(storage, ""))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(storage, size.String(), "must be greater than zero"))
	}
	if class := ptr.Deref(spec.StorageClassName, ""); class != "" {
		errs = append(errs, validateName(class, path.Child("storageClassName"))...)
	}
	if mode := spec.VolumeMode; mode != nil {
		errs = append(errs, oneOf(*mode, path.Child("volumeMode"), corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	errs = append(errs, validateSources(spec, path)...)
	if class := ptr.Deref(spec.VolumeAttributesClassName, ""); class != "" {
		errs = append(errs, validateName(class, path.Child("volumeAttributesClassName"))...)
	}
	return errs
}

func validateAccess(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) (errs field.ErrorList) {
	modes := path.Child("accessModes")
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(modes, "at least 1 access mode is required"))
	}
	if spec.Selector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(spec.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	}
	for _, mode := range spec.AccessModes {
		errs = append(errs, oneOf(mode, modes,
			corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
	}
	isOther := func(mode corev1.PersistentVolumeAccessMode) bool { return mode != corev1.ReadWriteOncePod }
	if slices.Contains(spec.AccessModes, corev1.ReadWriteOncePod) && slices.ContainsFunc(spec.AccessModes, isOther) {
		errs = append(errs, field.Forbidden(modes, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

// validateSources checks what a volume is to be filled from. dataSource is the
// old way to say it, and says the same where both are there.
func validateSources(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) (errs field.ErrorList) {
	source, ref := spec.DataSource, spec.DataSourceRef
	if source != nil {
		errs = append(errs, validateSource(source, path.Child("dataSource"))...)
	}
	if ref == nil {
		return errs
	}
	same := corev1.TypedLocalObjectReference{APIGroup: ref.APIGroup, Kind: ref.Kind, Name: ref.Name}
	errs = append(errs, validateSource(&same, path.Child("dataSourceRef"))...)
	switch elsewhere := ptr.Deref(ref.Namespace, "") != ""; {
	case elsewhere && source != nil:
		errs = append(errs, field.Invalid(path, path.Child("dataSource"), "may not be specified when dataSourceRef.namespace is specified"))
	case !elsewhere && source != nil && !equality.Semantic.DeepEqual(*source, same):
		errs = append(errs, field.Invalid(path, path.Child("dataSource"), "must match dataSourceRef"))
	}
	if ref.Namespace != nil {
		for _, msg := range apivalidation.ValidateNamespaceName(*ref.Namespace, false) {
			errs = append(errs, field.Invalid(path.Child("dataSourceRef", "namespace"), *ref.Namespace, msg))
		}
	}
	return errs
}

func validateSource(source *corev1.TypedLocalObjectReference, path *field.Path) (errs field.ErrorList) {
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
	if group != "" {
		for _, msg := range validation.IsDNS1123Subdomain(group) {
			errs = append(errs, field.Invalid(path.Child("apiGroup"), group, msg))
		}
	}
	return errs
}

func validateName(name string, path *field.Path) (errs field.ErrorList) {
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

func oneOf[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}
