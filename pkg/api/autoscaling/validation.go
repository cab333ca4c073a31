package autoscaling

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

const (
	maxPeriodSeconds        = 1800
	maxStabilizationSeconds = 3600
)

func validate(obj api.Object) field.ErrorList {
	return validateSpec(&obj.(*autoscalingv2.HorizontalPodAutoscaler).Spec, nil)
}

func validateUpdate(obj, old api.Object) field.ErrorList {
	return validateSpec(&obj.(*autoscalingv2.HorizontalPodAutoscaler).Spec, &old.(*autoscalingv2.HorizontalPodAutoscaler).Spec)
}

func validateStatus(obj, _ api.Object) field.ErrorList {
	status, path := &obj.(*autoscalingv2.HorizontalPodAutoscaler).Status, field.NewPath("status")
	return append(apivalidation.ValidateNonnegativeField(int64(status.CurrentReplicas), path.Child("currentReplicas")),
		apivalidation.ValidateNonnegativeField(int64(status.DesiredReplicas), path.Child("desiredReplicas"))...)
}

// validateSpec takes an apiVersion that was wrong before: it was not looked at once.
func validateSpec(spec, old *autoscalingv2.HorizontalPodAutoscalerSpec) (errs field.ErrorList) {
	path := field.NewPath("spec")
	if spec.MinReplicas != nil && spec.MaxReplicas < *spec.MinReplicas {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	target := groupNeeded
	switch ref := spec.ScaleTargetRef; {
	case old != nil && old.ScaleTargetRef.APIVersion == ref.APIVersion && old.ScaleTargetRef.Kind == ref.Kind:
		target = anyVersion
	case ref.Kind == "ReplicationController": // the only kind of the core group that can be scaled
		target = coreToo
	}
	errs = append(errs, validateReference(&spec.ScaleTargetRef, target, path.Child("scaleTargetRef"))...)
	errs = append(errs, validateMetrics(spec, describedVersions(old), path.Child("metrics"))...)
	if spec.Behavior != nil {
		errs = append(errs, validateRules(spec.Behavior.ScaleUp, path.Child("behavior", "scaleUp"))...)
		errs = append(errs, validateRules(spec.Behavior.ScaleDown, path.Child("behavior", "scaleDown"))...)
	}
	return append(errs, validateReplicas(spec, path)...)
}

// validateReplicas comes last, as all that upstream checks declaratively.
func validateReplicas(spec *autoscalingv2.HorizontalPodAutoscalerSpec, path *field.Path) (errs field.ErrorList) {
	if n := ptr.Deref(spec.MinReplicas, 0); n < 0 {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), n, "must be greater than or equal to 0"))
	}
	switch n := spec.MaxReplicas; {
	case n == 0:
		errs = append(errs, field.Required(path.Child("maxReplicas"), ""))
	case n < 0:
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), n, "must be greater than or equal to 1"))
	}
	return errs
}

// versions says which apiVersions a reference may have.
type versions int

const (
	groupNeeded versions = iota
	coreToo              // as groupNeeded, and those of the core group
	anyVersion
)

// describedVersions is what objects of metrics may have: what they had.
func describedVersions(old *autoscalingv2.HorizontalPodAutoscalerSpec) versions {
	if old != nil {
		for i := range old.Metrics {
			if metric := &old.Metrics[i]; metric.Type == autoscalingv2.ObjectMetricSourceType && metric.Object != nil &&
				checkVersion(metric.Object.DescribedObject.APIVersion, coreToo) != "" {
				return anyVersion
			}
		}
	}
	return coreToo
}

func checkVersion(version string, allowed versions) (message string) {
	gv, err := schema.ParseGroupVersion(version)
	switch {
	case allowed == anyVersion:
		return ""
	case err != nil:
		return err.Error()
	case gv.Group == "" && allowed == groupNeeded:
		return "apiVersion must specify API group"
	}
	return ""
}

func validateReference(ref *autoscalingv2.CrossVersionObjectReference, allowed versions, path *field.Path) field.ErrorList {
	errs := validateSegment(ref.Kind, "", path.Child("kind"))
	errs = append(errs, validateSegment(ref.Name, "", path.Child("name"))...)
	if message := checkVersion(ref.APIVersion, allowed); message != "" {
		errs = append(errs, field.Invalid(path.Child("apiVersion"), ref.APIVersion, message))
	}
	return errs
}

// validateSegment checks a name that becomes part of a path.
func validateSegment(name, required string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(path, required)}
	}
	for _, msg := range pathvalidation.IsValidPathSegmentName(name) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

func validateRules(rules *autoscalingv2.HPAScalingRules, path *field.Path) (errs field.ErrorList) {
	if rules == nil {
		return nil
	}
	window := path.Child("stabilizationWindowSeconds")
	switch seconds := ptr.Deref(rules.StabilizationWindowSeconds, 0); {
	case seconds < 0:
		errs = append(errs, field.Invalid(window, seconds, "must be greater than or equal to zero"))
	case seconds > maxStabilizationSeconds:
		errs = append(errs, field.Invalid(window, seconds, fmt.Sprintf("must be less than or equal to %d", maxStabilizationSeconds)))
	}
	if policy := rules.SelectPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("selectPolicy"), autoscalingv2.DisabledPolicySelect,
			autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect)...)
	}
	policies := path.Child("policies")
	if len(rules.Policies) == 0 {
		errs = append(errs, field.Required(policies, "must specify at least one Policy"))
	}
	for i := range rules.Policies {
		errs = append(errs, validatePolicy(&rules.Policies[i], policies.Index(i))...)
	}
	if tolerance := rules.Tolerance; tolerance != nil && tolerance.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("tolerance"), tolerance.String(), apivalidation.IsNegativeErrorMsg))
	}
	return errs
}

func validatePolicy(policy *autoscalingv2.HPAScalingPolicy, path *field.Path) field.ErrorList {
	errs := check.OneOf(policy.Type, path.Child("type"), autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy)
	if policy.Value <= 0 {
		errs = append(errs, field.Invalid(path.Child("value"), policy.Value, "must be greater than zero"))
	}
	switch seconds := policy.PeriodSeconds; {
	case seconds <= 0:
		errs = append(errs, field.Invalid(path.Child("periodSeconds"), seconds, "must be greater than zero"))
	case seconds > maxPeriodSeconds:
		errs = append(errs, field.Invalid(path.Child("periodSeconds"), seconds, fmt.Sprintf("must be less than or equal to %d", maxPeriodSeconds)))
	}
	return errs
}
