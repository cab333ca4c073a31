package flowcontrol

import (
	"fmt"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

func validateFlowSchemaUpdate(obj, _ api.Object) field.ErrorList { return validateFlowSchema(obj) }

func validateFlowSchema(obj api.Object) field.ErrorList {
	schema, path := obj.(*flowcontrolv1.FlowSchema), field.NewPath("spec")
	errs := validateFlowSchemaSpec(schema.Name, &schema.Spec, path)
	for _, fixed := range mandatoryFlowSchemas() {
		if fixed.Name == schema.Name && !equality.Semantic.DeepEqual(schema.Spec, fixed.Spec) {
			errs = append(errs, field.Invalid(path, api.Internal(schema.Spec), fmt.Sprintf("spec of '%s' must equal the fixed value", schema.Name)))
		}
	}
	return append(errs, validateFlowSchemaStatus(obj, nil)...)
}

func validateFlowSchemaStatus(obj, _ api.Object) field.ErrorList {
	var types []string
	for _, c := range obj.(*flowcontrolv1.FlowSchema).Status.Conditions {
		types = append(types, string(c.Type))
	}
	return validateConditionTypes(types)
}

// validateConditionTypes checks that each condition has a type of its own.
func validateConditionTypes(types []string) (errs field.ErrorList) {
	for i, name := range types {
		path := field.NewPath("status", "conditions").Index(i).Child("type")
		if slices.Contains(types[:i], name) {
			errs = append(errs, field.Duplicate(path, name))
		}
		if name == "" {
			errs = append(errs, field.Required(path, ""))
		}
	}
	return errs
}

func validateFlowSchemaSpec(name string, spec *flowcontrolv1.FlowSchemaSpec, path *field.Path) (errs field.ErrorList) {
	precedence := path.Child("matchingPrecedence")
	switch p := spec.MatchingPrecedence; {
	case p <= 0:
		errs = append(errs, field.Invalid(precedence, p, "must be a positive value"))
	case p > lastPrecedence:
		errs = append(errs, field.Invalid(precedence, p, fmt.Sprintf("must not be greater than %v", lastPrecedence)))
	case p == firstPrecedence && name != flowcontrolv1.FlowSchemaNameExempt:
		errs = append(errs, field.Invalid(precedence, p, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	methods := []flowcontrolv1.FlowDistinguisherMethodType{flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType}
	if m := spec.DistinguisherMethod; m != nil && !slices.Contains(methods, m.Type) {
		errs = append(errs, field.NotSupported(path.Child("distinguisherMethod", "type"), api.Internal(m), methods))
	}
	level := path.Child("priorityLevelConfiguration", "name")
	if spec.PriorityLevelConfiguration.Name == "" {
		errs = append(errs, field.Required(level, "must reference a priority level"))
	} else {
		errs = append(errs, invalid(spec.PriorityLevelConfiguration.Name, level, apivalidation.NameIsDNSSubdomain)...)
	}
	for i := range spec.Rules {
		errs = append(errs, validateRules(&spec.Rules[i], path.Child("rules").Index(i))...)
	}
	return errs
}

// invalid turns what check says about a name into errors of a field.
func invalid(name string, path *field.Path, check apivalidation.ValidateNameFunc) (errs field.ErrorList) {
	for _, problem := range check(name, false) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	return errs
}

func validateRules(rules *flowcontrolv1.PolicyRulesWithSubjects, path *field.Path) (errs field.ErrorList) {
	if len(rules.Subjects) == 0 {
		errs = append(errs, field.Required(path.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range rules.Subjects {
		errs = append(errs, validateSubject(&rules.Subjects[i], path.Child("subjects").Index(i))...)
	}
	if len(rules.ResourceRules) == 0 && len(rules.NonResourceRules) == 0 {
		errs = append(errs, field.Required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i := range rules.ResourceRules {
		errs = append(errs, validateResourceRule(&rules.ResourceRules[i], path.Child("resourceRules").Index(i))...)
	}
	for i := range rules.NonResourceRules {
		errs = append(errs, validateNonResourceRule(&rules.NonResourceRules[i], path.Child("nonResourceRules").Index(i))...)
	}
	return errs
}

// validateSubject checks that a subject has the part of its kind, and no other.
func validateSubject(s *flowcontrolv1.Subject, path *field.Path) (errs field.ErrorList) {
	kinds := []flowcontrolv1.SubjectKind{flowcontrolv1.SubjectKindGroup, flowcontrolv1.SubjectKindServiceAccount, flowcontrolv1.SubjectKindUser}
	switch s.Kind {
	case flowcontrolv1.SubjectKindServiceAccount:
		errs = validateServiceAccount(s.ServiceAccount, path.Child("serviceAccount"))
	case flowcontrolv1.SubjectKindUser:
		errs = validateNamed(s.User != nil, func() string { return s.User.Name }, path, "user", s.Kind)
	case flowcontrolv1.SubjectKindGroup:
		errs = validateNamed(s.Group != nil, func() string { return s.Group.Name }, path, "group", s.Kind)
	default:
		return field.ErrorList{field.NotSupported(path.Child("kind"), s.Kind, kinds)}
	}
	for _, part := range []struct {
		there bool
		name  string
		kind  flowcontrolv1.SubjectKind
	}{
		{s.ServiceAccount != nil, "serviceAccount", flowcontrolv1.SubjectKindServiceAccount},
		{s.User != nil, "user", flowcontrolv1.SubjectKindUser},
		{s.Group != nil, "group", flowcontrolv1.SubjectKindGroup},
	} {
		if part.there && part.kind != s.Kind {
			errs = append(errs, field.Forbidden(path.Child(part.name), fmt.Sprintf("%s is forbidden when subject kind is not '%s'", part.name, part.kind)))
		}
	}
	return errs
}

// validateNamed checks a user or a group.
func validateNamed(there bool, name func() string, path *field.Path, part string, kind flowcontrolv1.SubjectKind) field.ErrorList {
	switch {
	case !there:
		return field.ErrorList{field.Required(path.Child(part), fmt.Sprintf("%s is required when subject kind is '%s'", part, kind))}
	case name() == "":
		return field.ErrorList{field.Required(path.Child(part, "name"), "")}
	}
	return nil
}

func validateServiceAccount(account *flowcontrolv1.ServiceAccountSubject, path *field.Path) (errs field.ErrorList) {
	if account == nil {
		return field.ErrorList{field.Required(path, "serviceAccount is required when subject kind is 'ServiceAccount'")}
	}
	switch account.Name {
	case "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case flowcontrolv1.NameAll:
	default:
		errs = append(errs, invalid(account.Name, path.Child("name"), apivalidation.ValidateServiceAccountName)...)
	}
	if account.Namespace == "" {
		return append(errs, field.Required(path.Child("namespace"), "must specify namespace for service account"))
	}
	return append(errs, invalid(account.Namespace, path.Child("namespace"), apivalidation.ValidateNamespaceName)...)
}

// verbs are those that a rule may name.
var verbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}

func validateVerbs(names []string, path *field.Path) field.ErrorList {
	if len(names) == 0 {
		return field.ErrorList{field.Required(path, "verbs must contain at least one value")}
	}
	if slices.Contains(names, flowcontrolv1.VerbAll) {
		return validateWildcard(names, path, "verbs")
	}
	for _, name := range names {
		if !slices.Contains(verbs, name) {
			return field.ErrorList{field.NotSupported(path, names, verbs)}
		}
	}
	return nil
}

// validateWildcard checks that all of something is listed alone.
func validateWildcard(names []string, path *field.Path, what string) field.ErrorList {
	if len(names) > 1 && slices.Contains(names, "*") {
		return field.ErrorList{field.Invalid(path, names, "if '*' is present, must not specify other "+what)}
	}
	return nil
}

func validateResourceRule(rule *flowcontrolv1.ResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(rule.Verbs, path.Child("verbs"))
	if groups := path.Child("apiGroups"); len(rule.APIGroups) == 0 {
		errs = append(errs, field.Required(groups, "resource rules must supply at least one api group"))
	} else {
		errs = append(errs, validateWildcard(rule.APIGroups, groups, "api groups")...)
	}
	if resources := path.Child("resources"); len(rule.Resources) == 0 {
		errs = append(errs, field.Required(resources, "resource rules must supply at least one resource"))
	} else {
		errs = append(errs, validateWildcard(rule.Resources, resources, "resources")...)
	}
	namespaces := path.Child("namespaces")
	switch {
	case len(rule.Namespaces) == 0 && !rule.ClusterScope:
		return append(errs, field.Required(namespaces, "resource rules that are not cluster scoped must supply at least one namespace"))
	case slices.Contains(rule.Namespaces, flowcontrolv1.NamespaceEvery):
		return append(errs, validateWildcard(rule.Namespaces, namespaces, "namespaces")...)
	}
	for i, name := range rule.Namespaces {
		for _, problem := range apivalidation.ValidateNamespaceName(name, false) {
			errs = append(errs, field.Invalid(namespaces.Index(i), name, "each member of this list must be '*' or a DNS-1123 label; "+problem))
		}
	}
	return errs
}

func validateNonResourceRule(rule *flowcontrolv1.NonResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(rule.Verbs, path.Child("verbs"))
	urls := path.Child("nonResourceURLs")
	switch {
	case len(rule.NonResourceURLs) == 0:
		return append(errs, field.Required(urls, "nonResourceURLs must contain at least one value"))
	case slices.Contains(rule.NonResourceURLs, flowcontrolv1.NonResourceAll):
		return append(errs, validateWildcard(rule.NonResourceURLs, urls, "non-resource URLs")...)
	}
	for i, url := range rule.NonResourceURLs {
		if problem := checkURL(url); problem != "" {
			errs = append(errs, field.Invalid(urls.Index(i), url, problem))
		}
	}
	return errs
}

// checkURL says what is wrong with a path, which may end in a wildcard.
func checkURL(path string) string {
	stars := strings.Count(path, "*")
	switch {
	case path == "":
		return "must not be empty"
	case path == "/":
	case !strings.HasPrefix(path, "/"):
		return "must start with slash"
	case strings.Contains(path, " "):
		return "must not contain white-space"
	case strings.Contains(path, "//"):
		return "must not contain double slash"
	case stars > 1, stars == 1 && !strings.HasSuffix(path, "/*"):
		return "wildcard can only do suffix matching"
	}
	return ""
}
