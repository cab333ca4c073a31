package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

func validateReplicaSet(obj api.Object) field.ErrorList {
	spec, path := &obj.(*appsv1.ReplicaSet).Spec, field.NewPath("spec")
	errs := apivalidation.ValidateNonnegativeField(int64(ptr.Deref(spec.Replicas, 0)), path.Child("replicas"))
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(spec.MinReadySeconds), path.Child("minReadySeconds"))...)
	return append(errs, forDeployment.validateSelected(spec.Selector, &spec.Template, path)...)
}

func validateReplicaSetUpdate(obj, old api.Object) field.ErrorList {
	return append(validateReplicaSet(obj), apivalidation.ValidateImmutableField(
		obj.(*appsv1.ReplicaSet).Spec.Selector, old.(*appsv1.ReplicaSet).Spec.Selector, field.NewPath("spec", "selector"))...)
}

func validateReplicaSetStatus(obj, _ api.Object) field.ErrorList {
	s := obj.(*appsv1.ReplicaSet).Status
	errs := nonnegative(
		count{"replicas", int64(s.Replicas)}, count{"fullyLabeledReplicas", int64(s.FullyLabeledReplicas)},
		count{"readyReplicas", int64(s.ReadyReplicas)}, count{"availableReplicas", int64(s.AvailableReplicas)},
		count{"terminatingReplicas", int64(ptr.Deref(s.TerminatingReplicas, 0))}, count{"observedGeneration", s.ObservedGeneration})
	errs = append(errs, notAbove(s.FullyLabeledReplicas, s.Replicas, "fullyLabeledReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.ReadyReplicas, s.Replicas, "readyReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.AvailableReplicas, s.Replicas, "availableReplicas", moreThanReplicas)...)
	return append(errs, notAbove(s.AvailableReplicas, s.ReadyReplicas, "availableReplicas", moreThanReady)...)
}
