package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podspec"
)

func validateDaemonSet(obj api.Object) field.ErrorList {
	spec, path := &obj.(*appsv1.DaemonSet).Spec, field.NewPath("spec")
	template := path.Child("template")
	errs := metav1validation.ValidateLabelSelector(spec.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))
	if pods, err := metav1.LabelSelectorAsSelector(spec.Selector); err == nil {
		errs = append(errs, validateLabels(&spec.Template, pods, template)...)
	}
	errs = append(errs, forDaemonSet.validateNotEmpty(spec.Selector, path.Child("selector"))...)
	errs = append(errs, podspec.ValidateTemplate(&spec.Template, template)...)
	errs = append(errs, forDaemonSet.validateLasting(&spec.Template.Spec, template.Child("spec"))...)
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(spec.MinReadySeconds), path.Child("minReadySeconds"))...)
	errs = append(errs, validateDaemonSetStrategy(&spec.UpdateStrategy, path.Child("updateStrategy"))...)
	if limit := spec.RevisionHistoryLimit; limit != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*limit), path.Child("revisionHistoryLimit"))...)
	}
	return errs
}

func validateDaemonSetUpdate(obj, old api.Object) field.ErrorList {
	return append(validateDaemonSet(obj), apivalidation.ValidateImmutableField(
		obj.(*appsv1.DaemonSet).Spec.Selector, old.(*appsv1.DaemonSet).Spec.Selector, field.NewPath("spec", "selector"))...)
}

func validateDaemonSetStrategy(s *appsv1.DaemonSetUpdateStrategy, path *field.Path) field.ErrorList {
	switch s.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
		return validateDaemonSetRollingUpdate(s.RollingUpdate, path.Child("rollingUpdate"))
	default:
		return field.ErrorList{field.NotSupported(path, api.Internal(s), []appsv1.DaemonSetUpdateStrategyType{
			appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
	}
}

// validateDaemonSetRollingUpdate needs one way to go on: a node's pod goes before
// the new one comes, or the other way round.
func validateDaemonSetRollingUpdate(r *appsv1.RollingUpdateDaemonSet, path *field.Path) field.ErrorList {
	unavailable, surge := path.Child("maxUnavailable"), path.Child("maxSurge")
	errs := api.ValidateAmount(*r.MaxUnavailable, unavailable)
	errs = append(errs, api.ValidateAmount(*r.MaxSurge, surge)...)
	errs = append(errs, api.ValidateNotAboveAll(*r.MaxUnavailable, unavailable)...)
	errs = append(errs, api.ValidateNotAboveAll(*r.MaxSurge, surge)...)
	switch mayMiss, mayAdd := api.Amount(*r.MaxUnavailable) != 0, api.Amount(*r.MaxSurge) != 0; {
	case mayMiss && mayAdd:
		errs = append(errs, field.Invalid(surge, r.MaxSurge, "may not be set when maxUnavailable is non-zero"))
	case !mayMiss && !mayAdd:
		errs = append(errs, field.Required(unavailable, "cannot be 0 when maxSurge is 0"))
	}
	return errs
}

func validateDaemonSetStatus(obj, old api.Object) field.ErrorList {
	s, before := obj.(*appsv1.DaemonSet).Status, old.(*appsv1.DaemonSet).Status
	errs := nonnegative(
		count{"currentNumberScheduled", int64(s.CurrentNumberScheduled)}, count{"numberMisscheduled", int64(s.NumberMisscheduled)},
		count{"desiredNumberScheduled", int64(s.DesiredNumberScheduled)}, count{"numberReady", int64(s.NumberReady)},
		count{"observedGeneration", s.ObservedGeneration}, count{"updatedNumberScheduled", int64(s.UpdatedNumberScheduled)},
		count{"numberAvailable", int64(s.NumberAvailable)}, count{"numberUnavailable", int64(s.NumberUnavailable)},
		count{"collisionCount", int64(ptr.Deref(s.CollisionCount, 0))})
	return append(errs, notDecremented(s.CollisionCount, before.CollisionCount)...)
}
