package batch

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

const (
	maxRules           = 20
	maxExitCodes       = 255
	maxPatterns        = 20
	maxSucceededLength = 64 * 1024
)

// validateFailurePolicy checks what a job does about a pod that has failed.
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
func validateFailurePolicy(spec *batchv1.JobSpec, path *field.Path) (errs field.ErrorList) {
	rules, path := spec.PodFailurePolicy.Rules, path.Child("rules")
	if len(rules) > maxRules {
		errs = append(errs, field.TooMany(path, len(rules), maxRules))
	}
	containers := sets.New[string]()
	for _, list := range [][]corev1.Container{spec.Template.Spec.Containers, spec.Template.Spec.InitContainers} {
		for i := range list {
			containers.Insert(list[i].Name)
		}
	}
	for i := range rules {
		rule, path := &rules[i], path.Index(i)
		errs = append(errs, validateAction(rule.Action, spec.BackoffLimitPerIndex != nil, path.Child("action"))...)
		if rule.OnExitCodes != nil {
			errs = append(errs, validateExitCodes(rule.OnExitCodes, containers, path.Child("onExitCodes"))...)
		}
		errs = append(errs, validatePatterns(rule.OnPodConditions, path.Child("onPodConditions"))...)
		switch codes, conditions := rule.OnExitCodes != nil, len(rule.OnPodConditions) > 0; {
		case codes && conditions:
			errs = append(errs, field.Invalid(path, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
		case !codes && !conditions:
			errs = append(errs, field.Invalid(path, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
		}
	}
	return errs
}

func validateAction(action batchv1.PodFailurePolicyAction, limitsIndexes bool, path *field.Path) field.ErrorList {
	if action == batchv1.PodFailurePolicyActionFailIndex && !limitsIndexes {
		return field.ErrorList{field.Invalid(path, action, "requires the backoffLimitPerIndex to be set")}
	}
	return named(action, path, batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex,
		batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)
}

// named is check.OneOf for a value that has no default: it tells who left it out what there is.
func named[T ~string](value T, path *field.Path, allowed ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q", allowed))}
	}
	return check.OneOf(value, path, allowed...)
}

func validatePatterns(patterns []batchv1.PodFailurePolicyOnPodConditionsPattern, path *field.Path) (errs field.ErrorList) {
	if len(patterns) > maxPatterns {
		errs = append(errs, field.TooMany(path, len(patterns), maxPatterns))
	}
	for i, pattern := range patterns {
		path := path.Index(i)
		errs = append(errs, check.QualifiedName(string(pattern.Type), path.Child("type"))...)
		errs = append(errs, named(pattern.Status, path.Child("status"), corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
	}
	return errs
}

func validateExitCodes(codes *batchv1.PodFailurePolicyOnExitCodesRequirement, containers sets.Set[string], path *field.Path) field.ErrorList {
	errs := named(codes.Operator, path.Child("operator"), batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	if name := codes.ContainerName; name != nil && !containers.Has(*name) {
		errs = append(errs, field.Invalid(path.Child("containerName"), *name, "must be one of the container or initContainer names in the pod template"))
	}
	values := path.Child("values")
	switch {
	case len(codes.Values) == 0:
		errs = append(errs, field.Invalid(values, codes.Values, "at least one value is required"))
	case len(codes.Values) > maxExitCodes:
		errs = append(errs, field.TooMany(values, len(codes.Values), maxExitCodes))
	}
	seen := sets.New[int32]()
	for i, code := range codes.Values {
		if code == 0 && codes.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn {
			errs = append(errs, field.Invalid(values.Index(i), code, "must not be 0 for the In operator"))
		}
		if seen.Has(code) {
			errs = append(errs, field.Duplicate(values.Index(i), code))
		}
		seen.Insert(code)
	}
	if !slices.IsSorted(codes.Values) {
		errs = append(errs, field.Invalid(values, codes.Values, "must be ordered"))
	}
	return errs
}

// validateSuccessPolicy checks when a job has succeeded before all its indexes have.
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy
func validateSuccessPolicy(spec *batchv1.JobSpec, path *field.Path) (errs field.ErrorList) {
	if !isIndexed(spec) {
		return field.ErrorList{field.Invalid(path, api.Internal(*spec.SuccessPolicy), "requires indexed completion mode")}
	}
	rules, path := spec.SuccessPolicy.Rules, path.Child("rules")
	if len(rules) == 0 {
		errs = append(errs, field.Required(path, "at least one rules must be specified when the successPolicy is specified"))
	}
	if len(rules) > maxRules {
		errs = append(errs, field.TooMany(path, len(rules), maxRules))
	}
	for i := range rules {
		errs = append(errs, validateSuccessRule(&rules[i], ptr.Deref(spec.Completions, 0), path.Index(i))...)
	}
	return errs
}

func validateSuccessRule(rule *batchv1.SuccessPolicyRule, completions int32, path *field.Path) (errs field.ErrorList) {
	if rule.SucceededCount == nil && rule.SucceededIndexes == nil {
		errs = append(errs, field.Required(path, "at least one of succeededCount or succeededIndexes must be specified"))
	}
	var total int32
	if text := rule.SucceededIndexes; text != nil {
		indexes := path.Child("succeededIndexes")
		if len(*text) > maxSucceededLength {
			errs = append(errs, field.TooLong(indexes, *text, maxSucceededLength))
		}
		var err error
		if total, err = countIndexes(*text, completions); err != nil {
			errs = append(errs, field.Invalid(indexes, *text, "error parsing succeededIndexes: "+err.Error()))
		}
	}
	if n := rule.SucceededCount; n != nil {
		path := path.Child("succeededCount")
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*n), path)...)
		if *n > completions {
			errs = append(errs, field.Invalid(path, *n, fmt.Sprintf("must be less than or equal to %d (the number of specified completions)", completions)))
		}
		if rule.SucceededIndexes != nil && *n > total {
			errs = append(errs, field.Invalid(path, *n, fmt.Sprintf("must be less than or equal to %d (the number of indexes in the specified succeededIndexes field)", total)))
		}
	}
	return errs
}
