package apps

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/core/podspec"
)

// words are what the errors about a kind's pods say where they differ.
type words struct {
	kind        string // to which an empty selector is a mistake
	owner       string // whose pods may not have a deadline
	badSelector string
}

var (
	forDeployment  = words{kind: "deployment", owner: "ReplicaSet", badSelector: "invalid label selector"}
	forDaemonSet   = words{kind: "daemonset", owner: "DaemonSet"}
	forStatefulSet = words{kind: "statefulset", owner: "StatefulSet"}
)

// validateSelected checks a selector and the template whose pods it must select.
func (w words) validateSelected(selector *metav1.LabelSelector, template *corev1.PodTemplateSpec, path *field.Path) (errs field.ErrorList) {
	errs = w.validateSelector(selector, path.Child("selector"))
	pods, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return append(errs, field.Invalid(path.Child("selector"), selector, w.badSelector))
	}
	errs = append(errs, validateLabels(template, pods, path.Child("template"))...)
	errs = append(errs, podspec.ValidateTemplate(template, path.Child("template"))...)
	return append(errs, w.validateLasting(&template.Spec, path.Child("template", "spec"))...)
}

func (w words) validateSelector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if selector == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
	return append(errs, w.validateNotEmpty(selector, path)...)
}

func (w words) validateNotEmpty(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if selector == nil || len(selector.MatchLabels)+len(selector.MatchExpressions) > 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, selector, "empty selector is invalid for "+w.kind)}
}

// validateLabels checks that the pods of a template at path will be selected.
func validateLabels(template *corev1.PodTemplateSpec, pods labels.Selector, path *field.Path) field.ErrorList {
	if pods.Empty() || pods.Matches(labels.Set(template.Labels)) {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("metadata", "labels"), template.Labels, "`selector` does not match template `labels`")}
}

// validateLasting checks that pods are meant to run for good.
func (w words) validateLasting(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	if policy := spec.RestartPolicy; policy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("restartPolicy"), policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("activeDeadlineSeconds"), "activeDeadlineSeconds in "+w.owner+" is not Supported"))
	}
	return errs
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

const (
	moreThanReplicas = "cannot be greater than status.replicas"
	moreThanReady    = "cannot be greater than readyReplicas"
)

func notAbove(value, limit int32, name, message string) field.ErrorList {
	if value <= limit {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("status", name), value, message)}
}

// notDecremented checks the count of collisions, which makes names of revisions unique.
func notDecremented(collisions, before *int32) field.ErrorList {
	if value := ptr.Deref(collisions, 0); before != nil && (collisions == nil || value < *before) {
		return field.ErrorList{field.Invalid(field.NewPath("status", "collisionCount"), value, "cannot be decremented")}
	}
	return nil
}
