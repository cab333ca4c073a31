package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

func validateDeployment(obj api.Object) field.ErrorList {
	spec, path := &obj.(*appsv1.Deployment).Spec, field.NewPath("spec")
	errs := apivalidation.ValidateNonnegativeField(int64(ptr.Deref(spec.Replicas, 0)), path.Child("replicas"))
	errs = append(errs, forDeployment.validateSelected(spec.Selector, &spec.Template, path)...)
	errs = append(errs, validateStrategy(&spec.Strategy, path.Child("strategy"))...)
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(spec.MinReadySeconds), path.Child("minReadySeconds"))...)
	if limit := spec.RevisionHistoryLimit; limit != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*limit), path.Child("revisionHistoryLimit"))...)
	}
	if deadline := spec.ProgressDeadlineSeconds; deadline != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*deadline), path.Child("progressDeadlineSeconds"))...)
		if *deadline <= spec.MinReadySeconds {
			errs = append(errs, field.Invalid(path.Child("progressDeadlineSeconds"), *deadline, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

func validateDeploymentUpdate(obj, old api.Object) field.ErrorList {
	return append(validateDeployment(obj), apivalidation.ValidateImmutableField(
		obj.(*appsv1.Deployment).Spec.Selector, old.(*appsv1.Deployment).Spec.Selector, field.NewPath("spec", "selector"))...)
}

func validateStrategy(s *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is '"+string(s.Type)+"'")}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
		return validateRollingUpdate(s.RollingUpdate, path.Child("rollingUpdate"))
	default:
		return field.ErrorList{field.NotSupported(path, api.Internal(s), []appsv1.DeploymentStrategyType{
			appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
	}
}

// validateRollingUpdate needs a rollout to be able to move: something may be
// missing or something may be extra.
func validateRollingUpdate(r *appsv1.RollingUpdateDeployment, path *field.Path) field.ErrorList {
	unavailable, surge := *r.MaxUnavailable, *r.MaxSurge
	errs := api.ValidateAmount(unavailable, path.Child("maxUnavailable"))
	errs = append(errs, api.ValidateAmount(surge, path.Child("maxSurge"))...)
	if api.Amount(unavailable) == 0 && api.Amount(surge) == 0 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0"))
	}
	return append(errs, api.ValidateNotAboveAll(unavailable, path.Child("maxUnavailable"))...)
}

func validateDeploymentStatus(obj, old api.Object) field.ErrorList {
	s, before := obj.(*appsv1.Deployment).Status, old.(*appsv1.Deployment).Status
	errs := nonnegative(
		count{"observedGeneration", s.ObservedGeneration}, count{"replicas", int64(s.Replicas)},
		count{"updatedReplicas", int64(s.UpdatedReplicas)}, count{"readyReplicas", int64(s.ReadyReplicas)},
		count{"availableReplicas", int64(s.AvailableReplicas)}, count{"unavailableReplicas", int64(s.UnavailableReplicas)},
		count{"terminatingReplicas", int64(ptr.Deref(s.TerminatingReplicas, 0))}, count{"collisionCount", int64(ptr.Deref(s.CollisionCount, 0))})
	errs = append(errs, notAbove(s.UpdatedReplicas, s.Replicas, "updatedReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.ReadyReplicas, s.Replicas, "readyReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.AvailableReplicas, s.Replicas, "availableReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.AvailableReplicas, s.ReadyReplicas, "availableReplicas", moreThanReady)...)
	return append(errs, notDecremented(s.CollisionCount, before.CollisionCount)...)
}
