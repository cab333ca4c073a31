package api

import (
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateAmount checks a number of pods or a percentage of all.
func ValidateAmount(a intstr.IntOrString, path *field.Path) (errs field.ErrorList) {
	if a.Type == intstr.Int {
		return apivalidation.ValidateNonnegativeField(int64(a.IntVal), path)
	}
	for _, msg := range validation.IsValidPercent(a.StrVal) {
		errs = append(errs, field.Invalid(path, a, msg))
	}
	return errs
}

// ValidateNotAboveAll checks that a percentage is not of more than all pods.
func ValidateNotAboveAll(a intstr.IntOrString, path *field.Path) field.ErrorList {
	if isPercentage(a) && Amount(a) > 100 {
		return field.ErrorList{field.Invalid(path, a, "must not be greater than 100%")}
	}
	return nil
}

// Amount returns the number, or the per cent, that a says; 0 if it is neither.
func Amount(a intstr.IntOrString) int {
	if isPercentage(a) {
		a = intstr.FromString(a.StrVal[:len(a.StrVal)-1])
	}
	return a.IntValue()
}

func isPercentage(a intstr.IntOrString) bool {
	return a.Type == intstr.String && len(validation.IsValidPercent(a.StrVal)) == 0
}
