package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

// Limits of the rules by which a container restarts.
const (
	maxRestartRules = 20
	maxExitCodes    = 255
)

// validateRestartPolicy checks a policy of the container's own.
//
// https://kep.k8s.io/5307
func validateRestartPolicy(container *corev1.Container, path *field.Path) (errs field.ErrorList) {
	if container.RestartPolicy != nil {
		errs = append(errs, check.OneOf(*container.RestartPolicy, path.Child("restartPolicy"),
			corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)...)
	} else if len(container.RestartPolicyRules) > 0 {
		errs = append(errs, field.Required(path.Child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
	}
	return errs
}

// validateRestartRules checks the exceptions to a container's policy by how it ended.
//
// https://kep.k8s.io/5532
func validateRestartRules(rules []corev1.ContainerRestartRule, path *field.Path) (errs field.ErrorList) {
	if len(rules) > maxRestartRules {
		errs = append(errs, field.TooMany(path, len(rules), maxRestartRules))
	}
	for i, rule := range rules {
		path := path.Index(i)
		errs = append(errs, check.OneOf(rule.Action, path.Child("action"),
			corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)...)
		codes, path := rule.ExitCodes, path.Child("exitCodes")
		if codes == nil {
			errs = append(errs, field.Required(path, "must be specified"))
			continue
		}
		errs = append(errs, check.OneOf(codes.Operator, path.Child("operator"),
			corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
		if len(codes.Values) > maxExitCodes {
			errs = append(errs, field.TooMany(path.Child("values"), len(codes.Values), maxExitCodes))
		}
	}
	return errs
}
