package admissionregistration

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

func defaultRule(rule *admissionregistrationv1.Rule) {
	setIfNil(&rule.Scope, admissionregistrationv1.AllScopes)
}

// setIfNil fills what the client left open.
func setIfNil[T any](to **T, value T) {
	if *to == nil {
		*to = &value
	}
}

func validateNamedRule(rule *admissionregistrationv1.NamedRuleWithOperations, path *field.Path) (errs field.ErrorList) {
	for i, name := range rule.ResourceNames {
		path := path.Child("resourceNames").Index(i)
		for _, problem := range pathvalidation.ValidatePathSegmentName(name, false) {
			errs = append(errs, field.Invalid(path, name, problem))
		}
		if slices.Contains(rule.ResourceNames[:i], name) {
			errs = append(errs, field.Duplicate(path, name))
		}
	}
	return append(errs, validateRule(&rule.RuleWithOperations, path)...)
}

// validateRule checks which operations on which resources are meant.
func validateRule(rule *admissionregistrationv1.RuleWithOperations, path *field.Path) (errs field.ErrorList) {
	operations := path.Child("operations")
	if len(rule.Operations) == 0 {
		errs = append(errs, field.Required(operations, ""))
	}
	if len(rule.Operations) > 1 && slices.Contains(rule.Operations, admissionregistrationv1.OperationAll) {
		errs = append(errs, field.Invalid(operations, rule.Operations, "if '*' is present, must not specify other operations"))
	}
	for i, operation := range rule.Operations {
		errs = append(errs, check.OneOf(operation, operations.Index(i), admissionregistrationv1.OperationAll, admissionregistrationv1.Connect,
			admissionregistrationv1.Create, admissionregistrationv1.Delete, admissionregistrationv1.Update)...)
	}
	errs = append(errs, validateAll(rule.APIGroups, path.Child("apiGroups"), "API groups")...)
	versions := path.Child("apiVersions")
	errs = append(errs, validateAll(rule.APIVersions, versions, "API versions")...)
	for i, version := range rule.APIVersions {
		if version == "" {
			errs = append(errs, field.Required(versions.Index(i), ""))
		}
	}
	errs = append(errs, validateResources(rule.Resources, path.Child("resources"))...)
	if rule.Scope != nil {
		errs = append(errs, check.OneOf(*rule.Scope, path.Child("scope"), admissionregistrationv1.AllScopes,
			admissionregistrationv1.ClusterScope, admissionregistrationv1.NamespacedScope)...)
	}
	return errs
}

// validateAll checks a list that is not empty and holds "*" alone.
func validateAll(names []string, path *field.Path, what string) field.ErrorList {
	switch {
	case len(names) == 0:
		return field.ErrorList{field.Required(path, "")}
	case len(names) > 1 && slices.Contains(names, "*"):
		return field.ErrorList{field.Invalid(path, names, "if '*' is present, must not specify other "+what)}
	}
	return nil
}

// validateResources checks names of resources and subresources. What a wildcard
// before it covers may not be named again.
func validateResources(names []string, path *field.Path) (errs field.ErrorList) {
	if len(names) == 0 {
		errs = append(errs, field.Required(path, ""))
	}
	seen := map[string]bool{}
	plain := false // the last name without a subresource is not "*"
	for i, name := range names {
		resource, sub, isSub := strings.Cut(name, "/")
		switch {
		case name == "":
			errs = append(errs, field.Required(path.Index(i), ""))
			continue
		case !isSub:
			plain = name != "*"
			seen[name] = true
			continue
		}
		for _, wildcard := range []string{resource + "/*", "*/" + sub} {
			if seen[wildcard] {
				errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("if '%s' is present, must not specify %s", wildcard, name)))
			}
		}
		seen[name] = true
	}
	if len(names) > 1 && seen["*/*"] {
		errs = append(errs, field.Invalid(path, names, "if '*/*' is present, must not specify other resources"))
	}
	if seen["*"] && plain {
		errs = append(errs, field.Invalid(path, names, "if '*' is present, must not specify other resources without subresources"))
	}
	return errs
}
