package apps

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podspec"
	"slowmo/pkg/api/core/podwarnings"
)

// validateSelected checks a selector and the template whose pods it must select.
func validateSelected(selector *metav1.LabelSelector, template *corev1.PodTemplateSpec, path *field.Path) (errs field.ErrorList) {
	if selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		errs = append(errs, metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
		if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
			errs = append(errs, field.Invalid(path.Child("selector"), selector, "empty selector is invalid for deployment"))
		}
	}
	pods, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return append(errs, field.Invalid(path.Child("selector"), selector, "invalid label selector"))
	}
	return append(errs, validateTemplate(template, pods, path.Child("template"))...)
}

// validateTemplate checks a template whose pods are meant to run for good.
func validateTemplate(template *corev1.PodTemplateSpec, pods labels.Selector, path *field.Path) (errs field.ErrorList) {
	if !pods.Empty() && !pods.Matches(labels.Set(template.Labels)) {
		errs = append(errs, field.Invalid(path.Child("metadata", "labels"), template.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, podspec.ValidateTemplate(template, path)...)
	if policy := template.Spec.RestartPolicy; policy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("spec", "restartPolicy"), policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported"))
	}
	return errs
}

func validateReplicaSet(obj api.Object) field.ErrorList {
	spec, path := &obj.(*appsv1.ReplicaSet).Spec, field.NewPath("spec")
	errs := apivalidation.ValidateNonnegativeField(int64(ptr.Deref(spec.Replicas, 0)), path.Child("replicas"))
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(spec.MinReadySeconds), path.Child("minReadySeconds"))...)
	return append(errs, validateSelected(spec.Selector, &spec.Template, path)...)
}

func validateReplicaSetUpdate(obj, old api.Object) field.ErrorList {
	return append(validateReplicaSet(obj), apivalidation.ValidateImmutableField(
		obj.(*appsv1.ReplicaSet).Spec.Selector, old.(*appsv1.ReplicaSet).Spec.Selector, field.NewPath("spec", "selector"))...)
}

const moreThanReplicas = "cannot be greater than status.replicas"

func validateReplicaSetStatus(obj, _ api.Object) field.ErrorList {
	s := obj.(*appsv1.ReplicaSet).Status
	errs := nonnegative(
		count{"replicas", int64(s.Replicas)}, count{"fullyLabeledReplicas", int64(s.FullyLabeledReplicas)},
		count{"readyReplicas", int64(s.ReadyReplicas)}, count{"availableReplicas", int64(s.AvailableReplicas)},
		count{"terminatingReplicas", int64(ptr.Deref(s.TerminatingReplicas, 0))}, count{"observedGeneration", s.ObservedGeneration})
	errs = append(errs, notAbove(s.FullyLabeledReplicas, s.Replicas, "fullyLabeledReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.ReadyReplicas, s.Replicas, "readyReplicas", moreThanReplicas)...)
	errs = append(errs, notAbove(s.AvailableReplicas, s.Replicas, "availableReplicas", moreThanReplicas)...)
	return append(errs, notAbove(s.AvailableReplicas, s.ReadyReplicas, "availableReplicas", "cannot be greater than readyReplicas")...)
}

// count is a field of a status that counts something.
type count struct {
	name  string
	value int64
}

func nonnegative(counts ...count) (errs field.ErrorList) {
	for _, c := range counts {
		errs = append(errs, apivalidation.ValidateNonnegativeField(c.value, field.NewPath("status", c.name))...)
	}
	return errs
}

func notAbove(value, limit int32, name, message string) field.ErrorList {
	if value <= limit {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("status", name), value, message)}
}

func replicaSetWarnings(_ context.Context, obj, old api.Object) []string {
	if old != nil && old.GetGeneration() == obj.GetGeneration() {
		return nil
	}
	return podwarnings.Of(&obj.(*appsv1.ReplicaSet).Spec.Template.Spec, field.NewPath("spec", "template", "spec"))
}

func deploymentWarnings(_ context.Context, obj, old api.Object) []string {
	if old != nil && old.GetGeneration() == obj.GetGeneration() {
		return nil
	}
	return podwarnings.Of(&obj.(*appsv1.Deployment).Spec.Template.Spec, field.NewPath("spec", "template", "spec"))
}
