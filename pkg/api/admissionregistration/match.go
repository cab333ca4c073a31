package admissionregistration

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

func defaultMatch(match *admissionregistrationv1.MatchResources) {
	if match == nil {
		return
	}
	setIfNil(&match.MatchPolicy, admissionregistrationv1.Equivalent)
	setIfNil(&match.NamespaceSelector, metav1.LabelSelector{})
	setIfNil(&match.ObjectSelector, metav1.LabelSelector{})
	for i := range match.ResourceRules {
		defaultRule(&match.ResourceRules[i].Rule)
	}
	for i := range match.ExcludeResourceRules {
		defaultRule(&match.ExcludeResourceRules[i].Rule)
	}
}

// validateMatch checks which objects a policy or binding is about.
func validateMatch(match *admissionregistrationv1.MatchResources, path *field.Path) (errs field.ErrorList) {
	if match == nil {
		return nil
	}
	if policy := path.Child("matchPolicy"); match.MatchPolicy == nil {
		errs = append(errs, field.Required(policy, ""))
	} else {
		errs = append(errs, check.OneOf(*match.MatchPolicy, policy, admissionregistrationv1.Equivalent, admissionregistrationv1.Exact)...)
	}
	for _, selector := range []struct {
		name  string
		value *metav1.LabelSelector
	}{{"namespaceSelector", match.NamespaceSelector}, {"objectSelector", match.ObjectSelector}} {
		if selector.value == nil {
			errs = append(errs, field.Required(path.Child(selector.name), ""))
			continue
		}
		errs = append(errs, metav1validation.ValidateLabelSelector(selector.value, metav1validation.LabelSelectorValidationOptions{}, path.Child(selector.name))...)
	}
	for i := range match.ResourceRules {
		errs = append(errs, validateNamedRule(&match.ResourceRules[i], path.Child("resourceRules").Index(i))...)
	}
	for i := range match.ExcludeResourceRules {
		errs = append(errs, validateNamedRule(&match.ExcludeResourceRules[i], path.Child("excludeResourceRules").Index(i))...)
	}
	return errs
}

// validateMutableOperations checks that only what has an object to change is matched.
func validateMutableOperations(match *admissionregistrationv1.MatchResources, path *field.Path) (errs field.ErrorList) {
	if match == nil {
		return nil
	}
	for _, rule := range match.ResourceRules {
		for _, operation := range rule.Operations {
			errs = append(errs, check.OneOf(operation, path.Child("resourceRules", "operations"), admissionregistrationv1.OperationAll,
				admissionregistrationv1.Connect, admissionregistrationv1.Create, admissionregistrationv1.Update)...)
		}
	}
	return errs
}

// maxConditions bounds the match conditions of a webhook or policy.
const maxConditions = 64

// conditions checks the expressions that a request must satisfy.
func (e *expressions) conditions(conditions []admissionregistrationv1.MatchCondition, path *field.Path) (errs field.ErrorList) {
	if len(conditions) > maxConditions {
		errs = append(errs, field.TooMany(path, len(conditions), maxConditions))
	}
	for i, condition := range conditions {
		path := path.Index(i)
		if text := strings.TrimSpace(condition.Expression); text == "" {
			errs = append(errs, field.Required(path.Child("expression"), ""))
		} else {
			errs = append(errs, e.check(text, knows{authorizer: true, params: e.params}, path.Child("expression"), boolean...)...)
		}
		if condition.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), ""))
			continue
		}
		errs = append(errs, check.QualifiedName(condition.Name, path.Child("name"))...)
		if slices.ContainsFunc(conditions[:i], func(c admissionregistrationv1.MatchCondition) bool { return c.Name == condition.Name }) {
			errs = append(errs, field.Duplicate(path.Child("name"), condition.Name))
		}
	}
	return errs
}
