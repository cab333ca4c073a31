package core

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/podspec"
)

// laterName leaves the form of a name to the kind's own validation: what upstream
// declares on the types is checked after all that is written by hand.
func laterName(name string, prefix bool) []string {
	if prefix {
		return apivalidation.NameIsDNSSubdomain(name, prefix)
	}
	return nil
}

func validateReplicationController(obj api.Object) (errs field.ErrorList) {
	rc, spec := obj.(*corev1.ReplicationController), field.NewPath("spec")
	if labels.SelectorFromSet(rc.Spec.Selector).Empty() {
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	}
	if rc.Spec.Replicas == nil {
		errs = append(errs, field.Required(spec.Child("replicas"), ""))
	}
	errs = append(errs, validateControllerTemplate(rc, spec.Child("template"))...)
	if rc.Name != "" {
		for _, msg := range apivalidation.NameIsDNSSubdomain(rc.Name, false) {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), rc.Name, msg))
		}
	}
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(ptr.Deref(rc.Spec.Replicas, 0)), spec.Child("replicas"))...)
	return append(errs, apivalidation.ValidateNonnegativeField(int64(rc.Spec.MinReadySeconds), spec.Child("minReadySeconds"))...)
}

func validateControllerTemplate(rc *corev1.ReplicationController, path *field.Path) (errs field.ErrorList) {
	template := rc.Spec.Template
	if template == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	if selector := labels.SelectorFromSet(rc.Spec.Selector); !selector.Empty() && !selector.Matches(labels.Set(template.Labels)) {
		errs = append(errs, field.Invalid(path.Child("metadata", "labels"), template.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, podspec.ValidateTemplate(template, path)...)
	errs = append(errs, check.OneOf(template.Spec.RestartPolicy, path.Child("spec", "restartPolicy"), corev1.RestartPolicyAlways)...)
	if template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicationController is not Supported"))
	}
	return errs
}

func validateReplicationControllerStatus(obj, _ api.Object) (errs field.ErrorList) {
	status, path := &obj.(*corev1.ReplicationController).Status, field.NewPath("status")
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"replicas", int64(status.Replicas)},
		{"fullyLabeledReplicas", int64(status.FullyLabeledReplicas)},
		{"readyReplicas", int64(status.ReadyReplicas)},
		{"availableReplicas", int64(status.AvailableReplicas)},
		{"observedGeneration", status.ObservedGeneration},
	} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(n.value, path.Child(n.name))...)
	}
	notAbove := func(name string, value, most int32, message string) {
		if value > most {
			errs = append(errs, field.Invalid(path.Child(name), value, message))
		}
	}
	const all = "cannot be greater than status.replicas"
	notAbove("fullyLabeledReplicas", status.FullyLabeledReplicas, status.Replicas, all)
	notAbove("readyReplicas", status.ReadyReplicas, status.Replicas, all)
	notAbove("availableReplicas", status.AvailableReplicas, status.Replicas, all)
	notAbove("availableReplicas", status.AvailableReplicas, status.ReadyReplicas, "cannot be greater than readyReplicas")
	return errs
}
