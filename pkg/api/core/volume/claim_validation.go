package volume

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/claim"
	"slowmo/pkg/api/core/resources"
)

func validateClaim(obj api.Object) field.ErrorList {
	return claim.ValidateSpec(&obj.(*corev1.PersistentVolumeClaim).Spec, field.NewPath("spec"))
}

// validateClaimUpdate holds that a claim asks for what it has always asked for: it
// is bound once, and only then may it grow or take another attributes class.
func validateClaimUpdate(obj, old api.Object) field.ErrorList {
	c, before := obj.(*corev1.PersistentVolumeClaim), old.(*corev1.PersistentVolumeClaim)
	path := field.NewPath("spec")
	errs := claim.ValidateChange(&c.Spec, &before.Spec, path)

	was, upgraded := before.Spec.DeepCopy(), upgradesClass(c, before)
	sameSources(was)
	if !upgraded {
		errs = append(errs, validateClassAnnotation(c, before)...)
	}
	kept := keptOfClaim(c, before, upgraded)
	if was.VolumeName == "" {
		was.VolumeName = kept.VolumeName
	}
	if !equality.Semantic.DeepEqual(kept, was) {
		errs = append(errs, field.Forbidden(path, fmt.Sprintf("spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n%v", diff.Diff(api.Internal(was), api.Internal(kept)))))
	}
	size, had, has := c.Spec.Resources.Requests[corev1.ResourceStorage], before.Spec.Resources.Requests[corev1.ResourceStorage], before.Status.Capacity[corev1.ResourceStorage]
	if size.Cmp(had) < 0 && size.Cmp(has) <= 0 {
		errs = append(errs, field.Forbidden(path.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(c.Spec.VolumeMode, before.Spec.VolumeMode, field.NewPath("volumeMode"))...)
	if before.Status.CurrentVolumeAttributesClassName != nil && !equality.Semantic.DeepEqual(before.Spec.VolumeAttributesClassName, c.Spec.VolumeAttributesClassName) {
		errs = append(errs, validateAttributesChange(c.Spec.VolumeAttributesClassName, path.Child("volumeAttributesClassName"))...)
	}
	return errs
}

// keptOfClaim returns the spec of c with what may change as it was before.
func keptOfClaim(c, before *corev1.PersistentVolumeClaim, upgraded bool) *corev1.PersistentVolumeClaimSpec {
	kept := c.Spec.DeepCopy()
	if c.Status.Phase == corev1.ClaimBound {
		kept.VolumeAttributesClassName = before.Spec.VolumeAttributesClassName
		if kept.Resources.Requests != nil {
			kept.Resources.Requests[corev1.ResourceStorage] = before.Spec.Resources.Requests[corev1.ResourceStorage]
		}
	}
	// A class may be given later: by the cluster's default, or by what the annotation said.
	said, annotated := before.Annotations[corev1.BetaStorageClassAnnotation]
	given := before.Spec.StorageClassName == nil && kept.StorageClassName != nil
	if upgraded || given && (!annotated || *kept.StorageClassName == said) {
		kept.StorageClassName = before.Spec.StorageClassName
	}
	return kept
}

// upgradesClass reports whether the update moves the storage class from the
// annotation to the field.
func upgradesClass(c, before *corev1.PersistentVolumeClaim) bool {
	said, annotated := before.Annotations[corev1.BetaStorageClassAnnotation]
	says, still := c.Annotations[corev1.BetaStorageClassAnnotation]
	return annotated && before.Spec.StorageClassName == nil && c.Spec.StorageClassName != nil &&
		*c.Spec.StorageClassName == said && (!still || says == said)
}

func validateClassAnnotation(c, before *corev1.PersistentVolumeClaim) field.ErrorList {
	const name = corev1.BetaStorageClassAnnotation
	if value := c.Annotations[name]; value != before.Annotations[name] {
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations", name), value, "field is immutable")}
	}
	return nil
}

func validateAttributesChange(class *string, path *field.Path) field.ErrorList {
	switch {
	case class == nil:
		return field.ErrorList{field.Forbidden(path, "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil")}
	case *class == "":
		return field.ErrorList{field.Forbidden(path, "update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil")}
	}
	return nil
}

var resizeStates = []corev1.ClaimResourceStatus{
	corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimControllerResizeInfeasible,
	corev1.PersistentVolumeClaimNodeResizeInProgress, corev1.PersistentVolumeClaimNodeResizeInfeasible, corev1.PersistentVolumeClaimNodeResizePending,
}

func validateClaimStatus(obj, _ api.Object) (errs field.ErrorList) {
	c, path := obj.(*corev1.PersistentVolumeClaim), field.NewPath("status")
	for _, name := range resources.Names(c.Status.Capacity) {
		errs = append(errs, validateBasic(c.Status.Capacity[name], path.Child("capacity").Key(string(name)))...)
	}
	states := path.Child("allocatedResourceStatuses")
	for _, name := range slices.Sorted(maps.Keys(c.Status.AllocatedResourceStatuses)) {
		errs = append(errs, validateClaimResource(name, states)...)
		if !slices.Contains(resizeStates, c.Status.AllocatedResourceStatuses[name]) {
			errs = append(errs, field.NotSupported(states, name, resizeStates))
		}
	}
	allocated := path.Child("allocatedResources")
	for _, name := range resources.Names(c.Status.AllocatedResources) {
		found := validateClaimResource(name, allocated)
		if len(found) == 0 {
			found = validateBasic(c.Status.AllocatedResources[name], allocated.Key(string(name)))
		}
		errs = append(errs, found...)
	}
	return errs
}

// validateClaimResource checks the name of what a claim can have: of what
// Kubernetes knows, storage alone.
func validateClaimResource(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := check.QualifiedName(string(name), path)
	native := !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
	if len(errs) == 0 && native && name != corev1.ResourceStorage {
		errs = append(errs, field.NotSupported(path, string(name), []corev1.ResourceName{corev1.ResourceStorage}))
	}
	return errs
}
