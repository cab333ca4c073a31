package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/claim"
)

func validateStatefulSet(obj api.Object) field.ErrorList {
	spec, path := &obj.(*appsv1.StatefulSet).Spec, field.NewPath("spec")
	errs := validateStatefulSetPolicies(spec, path)
	for i := range spec.VolumeClaimTemplates {
		c := &spec.VolumeClaimTemplates[i]
		errs = append(errs, claim.ValidateSpec(&c.Spec, path.Child("volumeClaimTemplates").Index(i).Child("spec"))...)
	}
	errs = append(errs, validateStatefulSetSizes(spec, path)...)
	if spec.ServiceName != "" {
		errs = append(errs, check.DNS1123Label(spec.ServiceName, path.Child("serviceName"))...)
	}
	return append(errs, validateStatefulSetPods(spec, true, path)...)
}

func validateStatefulSetPolicies(spec *appsv1.StatefulSetSpec, path *field.Path) (errs field.ErrorList) {
	switch policy := spec.PodManagementPolicy; policy {
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(path.Child("podManagementPolicy"), policy,
			fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)))
	}
	errs = append(errs, validateStatefulSetStrategy(&spec.UpdateStrategy, path.Child("updateStrategy"))...)
	if policy := spec.PersistentVolumeClaimRetentionPolicy; policy != nil {
		at := path.Child("persistentVolumeClaimRetentionPolicy")
		errs = append(errs, validateRetention(policy.WhenDeleted, at.Child("whenDeleted"))...)
		errs = append(errs, validateRetention(policy.WhenScaled, at.Child("whenScaled"))...)
	}
	return errs
}

func validateStatefulSetSizes(spec *appsv1.StatefulSetSpec, path *field.Path) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(int64(ptr.Deref(spec.Replicas, 0)), path.Child("replicas"))
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(spec.MinReadySeconds), path.Child("minReadySeconds"))...)
	if spec.Ordinals != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(spec.Ordinals.Start), path.Child("ordinals.start"))...)
	}
	return errs
}

func validateRetention(policy appsv1.PersistentVolumeClaimRetentionPolicyType, path *field.Path) field.ErrorList {
	return check.OneOf(policy, path, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)
}

func validateStatefulSetStrategy(s *appsv1.StatefulSetUpdateStrategy, path *field.Path) field.ErrorList {
	rolling := path.Child("rollingUpdate")
	switch s.Type {
	case appsv1.OnDeleteStatefulSetStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Invalid(rolling, api.Internal(s.RollingUpdate),
				fmt.Sprintf("only allowed for updateStrategy '%s'", appsv1.RollingUpdateStatefulSetStrategyType))}
		}
		return nil
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if s.RollingUpdate == nil {
			return nil
		}
		return validateStatefulSetRollingUpdate(s.RollingUpdate, rolling)
	default:
		return field.ErrorList{field.Invalid(path, api.Internal(s), fmt.Sprintf("must be '%s' or '%s'",
			appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType))}
	}
}

func validateStatefulSetRollingUpdate(r *appsv1.RollingUpdateStatefulSetStrategy, path *field.Path) field.ErrorList {
	errs := apivalidation.ValidateNonnegativeField(int64(ptr.Deref(r.Partition, 0)), path.Child("partition"))
	if unavailable := r.MaxUnavailable; unavailable != nil {
		path := path.Child("maxUnavailable")
		errs = append(errs, api.ValidateAmount(*unavailable, path)...)
		if api.Amount(*unavailable) == 0 {
			errs = append(errs, field.Invalid(path, *unavailable, "cannot be 0"))
		}
		errs = append(errs, api.ValidateNotAboveAll(*unavailable, path)...)
	}
	return errs
}

// validateStatefulSetPods checks the selector and, unless it is to be left
// alone, the template with a volume for each claim that its pods will have.
func validateStatefulSetPods(spec *appsv1.StatefulSetSpec, withTemplate bool, path *field.Path) field.ErrorList {
	if withTemplate {
		return forStatefulSet.validateSelected(spec.Selector, withClaims(spec), path)
	}
	errs := forStatefulSet.validateSelector(spec.Selector, path.Child("selector"))
	if pods, err := metav1.LabelSelectorAsSelector(spec.Selector); err == nil {
		errs = append(errs, validateLabels(&spec.Template, pods, path.Child("template"))...)
	}
	return append(errs, forStatefulSet.validateLasting(&spec.Template.Spec, path.Child("template", "spec"))...)
}

// withClaims returns the template as the pods will be made of it: each claim
// is a volume, in place of one of the same name.
func withClaims(spec *appsv1.StatefulSetSpec) *corev1.PodTemplateSpec {
	template := &spec.Template
	if len(spec.VolumeClaimTemplates) == 0 {
		return template
	}
	template = template.DeepCopy()
	claimed := sets.New[string]()
	var volumes []corev1.Volume
	for _, c := range spec.VolumeClaimTemplates {
		if !claimed.Has(c.Name) {
			volumes = append(volumes, corev1.Volume{Name: c.Name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c.Name}}})
		}
		claimed.Insert(c.Name)
	}
	for _, volume := range template.Spec.Volumes {
		if !claimed.Has(volume.Name) {
			volumes = append(volumes, volume)
		}
	}
	template.Spec.Volumes = volumes
	return template
}

// validateStatefulSetUpdate asks of the service's name and the claims only that
// they stay, and of a template nothing that it did not keep to before: all of
// them were once taken as they came.
func validateStatefulSetUpdate(obj, old api.Object) field.ErrorList {
	spec, before, path := &obj.(*appsv1.StatefulSet).Spec, &old.(*appsv1.StatefulSet).Spec, field.NewPath("spec")
	wasValid := len(validateKept(before, true, path)) == 0
	errs := validateKept(spec, wasValid, path)
	for _, f := range []struct {
		name        string
		now, before any
	}{
		{"selector", spec.Selector, before.Selector}, {"volumeClaimTemplates", spec.VolumeClaimTemplates, before.VolumeClaimTemplates},
		{"serviceName", spec.ServiceName, before.ServiceName}, {"podManagementPolicy", spec.PodManagementPolicy, before.PodManagementPolicy},
	} {
		if !equality.Semantic.DeepEqual(f.now, f.before) {
			errs = append(errs, field.Invalid(path.Child(f.name), api.Internal(f.now), apivalidation.FieldImmutableErrorMsg))
		}
	}
	return errs
}

// validateKept checks what is asked of a set that exists.
func validateKept(spec *appsv1.StatefulSetSpec, withTemplate bool, path *field.Path) field.ErrorList {
	errs := validateStatefulSetPolicies(spec, path)
	errs = append(errs, validateStatefulSetSizes(spec, path)...)
	return append(errs, validateStatefulSetPods(spec, withTemplate, path)...)
}

func validateStatefulSetStatus(obj, old api.Object) field.ErrorList {
	s, before := obj.(*appsv1.StatefulSet).Status, old.(*appsv1.StatefulSet).Status
	errs := nonnegative(
		count{"replicas", int64(s.Replicas)}, count{"readyReplicas", int64(s.ReadyReplicas)},
		count{"currentReplicas", int64(s.CurrentReplicas)}, count{"updatedReplicas", int64(s.UpdatedReplicas)},
		count{"availableReplicas", int64(s.AvailableReplicas)}, count{"observedGeneration", s.ObservedGeneration},
		count{"collisionCount", int64(ptr.Deref(s.CollisionCount, 0))})
	errs = append(errs, notAbove(s.ReadyReplicas, s.Replicas, "readyReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.CurrentReplicas, s.Replicas, "currentReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.UpdatedReplicas, s.Replicas, "updatedReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.AvailableReplicas, s.Replicas, "availableReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.AvailableReplicas, s.ReadyReplicas, "availableReplicas", "cannot be greater than status.readyReplicas")...)
	return append(errs, notDecremented(s.CollisionCount, before.CollisionCount)...)
}
