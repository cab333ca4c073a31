package admissionregistration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/util/jsonpath"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// policyCheck validates the part that both kinds of policies have.
type policyCheck struct {
	*expressions
	sameConditions bool // the stored policy had them, and with the same variables
	name           string
}

func newPolicyCheck(name string, kind *admissionregistrationv1.ParamKind) *policyCheck {
	return &policyCheck{expressions: newExpressions(kind != nil), name: name}
}

// remember notes expressions of the stored policy.
func (c *policyCheck) remember(sources ...string) {
	for _, source := range sources {
		c.stored[source] = true
	}
}

func (c *policyCheck) rememberConditions(conditions []admissionregistrationv1.MatchCondition) {
	for _, condition := range conditions {
		c.remember(condition.Expression)
	}
}

// checkOf returns what checks a policy of either kind, which may replace an old one.
func checkOf(obj, old api.Object) *policyCheck {
	now := policyOf(obj)
	c := newPolicyCheck(obj.GetName(), now.params)
	if old != nil {
		before := policyOf(old)
		c.sameConditions = equality.Semantic.DeepEqual(now.params, before.params) && equality.Semantic.DeepEqual(now.conditions, before.conditions)
		c.rememberConditions(before.conditions)
	}
	return c
}

func validatePolicy(obj api.Object) field.ErrorList {
	return checkOf(obj, nil).validating(&obj.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec, field.NewPath("spec"))
}

func validatePolicyUpdate(obj, old api.Object) field.ErrorList {
	c, before := checkOf(obj, old), &old.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec
	for _, v := range before.Validations {
		c.remember(v.Expression, v.MessageExpression)
	}
	for _, a := range before.AuditAnnotations {
		c.remember(a.ValueExpression)
	}
	return c.validating(&obj.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec, field.NewPath("spec"))
}

// common checks what comes first in the spec of a policy.
func (c *policyCheck) common(failure *admissionregistrationv1.FailurePolicyType, kind *admissionregistrationv1.ParamKind,
	match *admissionregistrationv1.MatchResources, path *field.Path) (errs field.ErrorList) {
	if failure == nil {
		errs = append(errs, field.Required(path.Child("failurePolicy"), ""))
	} else {
		errs = append(errs, check.OneOf(*failure, path.Child("failurePolicy"), admissionregistrationv1.Fail, admissionregistrationv1.Ignore)...)
	}
	if kind != nil {
		errs = append(errs, validateParamKind(kind, path.Child("paramKind"))...)
	}
	constraints := path.Child("matchConstraints")
	if match == nil {
		return append(errs, field.Required(constraints, ""))
	}
	errs = append(errs, validateMatch(match, constraints)...)
	if len(match.ResourceRules) == 0 {
		errs = append(errs, field.Required(constraints.Child("resourceRules"), ""))
	}
	return errs
}

// maxAnnotations and maxAnnotationSource bound the audit annotations of a policy.
const (
	maxAnnotations      = 20
	maxAnnotationSource = 5 * 1024
)

func (c *policyCheck) validating(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec, path *field.Path) field.ErrorList {
	errs := c.common(spec.FailurePolicy, spec.ParamKind, spec.MatchConstraints, path)
	if !c.sameConditions {
		errs = append(errs, c.conditions(spec.MatchConditions, path.Child("matchConditions"))...)
	}
	k := knows{params: c.params, authorizer: true, variables: len(spec.Variables) > 0}
	errs = append(errs, c.variableList(spec.Variables, k, path.Child("variables"))...)
	annotations := path.Child("auditAnnotations")
	if len(spec.Validations) == 0 && len(spec.AuditAnnotations) == 0 {
		const one = "validations or auditAnnotations must contain at least one item"
		return append(errs, field.Required(path.Child("validations"), one), field.Required(annotations, one))
	}
	for i := range spec.Validations {
		errs = append(errs, c.validation(&spec.Validations[i], k, path.Child("validations").Index(i))...)
	}
	if len(spec.AuditAnnotations) > maxAnnotations {
		errs = append(errs, field.Invalid(annotations, api.Internal(spec.AuditAnnotations), fmt.Sprintf("must not have more than %d auditAnnotations", maxAnnotations)))
	}
	for i, annotation := range spec.AuditAnnotations {
		errs = append(errs, c.annotation(annotation, k, annotations.Index(i))...)
		if slices.ContainsFunc(spec.AuditAnnotations[:i], func(a admissionregistrationv1.AuditAnnotation) bool { return a.Key == annotation.Key }) {
			errs = append(errs, field.Duplicate(annotations.Index(i).Child("key"), annotation.Key))
		}
	}
	return errs
}

func validateParamKind(kind *admissionregistrationv1.ParamKind, path *field.Path) (errs field.ErrorList) {
	version := path.Child("apiVersion")
	group, name, qualified := strings.Cut(kind.APIVersion, "/")
	if !qualified {
		group, name = "", kind.APIVersion
	}
	switch {
	case kind.APIVersion == "":
		errs = append(errs, field.Required(version, ""))
	case strings.Contains(name, "/"):
		errs = append(errs, field.Invalid(version, kind.APIVersion, "unexpected GroupVersion string: "+kind.APIVersion))
	default:
		if problems := validation.IsDNS1123Subdomain(group); group != "" && len(problems) > 0 {
			errs = append(errs, field.Invalid(version, group, strings.Join(problems, ",")))
		}
		if name == "" {
			errs = append(errs, field.Invalid(version, kind.APIVersion, "version must be specified"))
		} else if problems := validation.IsDNS1035Label(name); len(problems) > 0 {
			errs = append(errs, field.Invalid(version, name, strings.Join(problems, ",")))
		}
	}
	if kind.Kind == "" {
		return append(errs, field.Required(path.Child("kind"), ""))
	}
	if problems := validation.IsDNS1035Label(strings.ToLower(kind.Kind)); len(problems) > 0 {
		errs = append(errs, field.Invalid(path.Child("kind"), kind.Kind, "may have mixed case, but should otherwise match: "+strings.Join(problems, ",")))
	}
	return errs
}

var (
	identifier = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)
	// reserved are words of CEL that cannot name a variable.
	reserved = []string{"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
		"import", "let", "loop", "package", "namespace", "return", "var", "void", "while"}
)

// variableList checks the variables of a policy, each of which knows those before it.
func (c *policyCheck) variableList(variables []admissionregistrationv1.Variable, k knows, path *field.Path) (errs field.ErrorList) {
	for i, v := range variables {
		path := path.Index(i)
		if strings.TrimSpace(v.Name) == "" {
			errs = append(errs, field.Required(path.Child("name"), "name is not specified"))
		} else if !identifier.MatchString(v.Name) || slices.Contains(reserved, v.Name) {
			errs = append(errs, field.Invalid(path.Child("name"), v.Name, "must be a valid CEL identifier"))
		}
		if strings.TrimSpace(v.Expression) == "" {
			errs = append(errs, field.Required(path.Child("expression"), "expression is not specified"))
		} else {
			errs = append(errs, c.define(v.Name, v.Expression, k, path.Child("expression"))...)
		}
	}
	return errs
}

func (c *policyCheck) validation(v *admissionregistrationv1.Validation, k knows, path *field.Path) (errs field.ErrorList) {
	if source := path.Child("expression"); strings.TrimSpace(v.Expression) == "" {
		errs = append(errs, field.Required(source, "expression is not specified"))
	} else {
		errs = append(errs, c.check(v.Expression, k, source, boolean...)...)
	}
	switch source := path.Child("messageExpression"); {
	case v.MessageExpression == "":
	case strings.TrimSpace(v.MessageExpression) == "":
		errs = append(errs, field.Invalid(source, v.MessageExpression, "must be non-empty if specified"))
	default:
		withoutAuthorizer := k
		withoutAuthorizer.authorizer = false
		errs = append(errs, c.check(v.MessageExpression, withoutAuthorizer, source, text...)...)
	}
	switch message := strings.TrimSpace(v.Message); {
	case v.Message != "" && message == "":
		errs = append(errs, field.Invalid(path.Child("message"), v.Message, "must be non-empty if specified"))
	case strings.ContainsAny(message, "\n\r"):
		errs = append(errs, field.Invalid(path.Child("message"), v.Message, "must not contain line breaks"))
	}
	if v.Reason != nil {
		errs = append(errs, check.OneOf(*v.Reason, path.Child("reason"), metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonRequestEntityTooLarge)...)
	}
	return errs
}

func (c *policyCheck) annotation(a admissionregistrationv1.AuditAnnotation, k knows, path *field.Path) (errs field.ErrorList) {
	if c.name == "" {
		errs = append(errs, field.Invalid(path.Child("key"), a.Key, "requires metadata.name be non-empty"))
	} else {
		errs = append(errs, check.QualifiedName(c.name+"/"+a.Key, path.Child("key"))...)
	}
	switch source := strings.TrimSpace(a.ValueExpression); {
	case source == "":
		errs = append(errs, field.Required(path.Child("valueExpression"), "valueExpression is not specified"))
	case len(source) > maxAnnotationSource:
		errs = append(errs, field.Required(path.Child("valueExpression"), fmt.Sprintf("must not exceed %d bytes in length", maxAnnotationSource)))
	default:
		errs = append(errs, c.check(source, k, path.Child("valueExpression"), textOrNull...)...)
	}
	return errs
}

func validatePolicyStatus(obj, _ api.Object) (errs field.ErrorList) {
	status, path := &obj.(*admissionregistrationv1.ValidatingAdmissionPolicy).Status, field.NewPath("status")
	if status.TypeChecking != nil {
		for i, warning := range status.TypeChecking.ExpressionWarnings {
			path := path.Child("typeChecking", "expressionWarnings").Index(i)
			if warning.Warning == "" {
				errs = append(errs, field.Required(path.Child("warning"), ""))
			}
			errs = append(errs, validateFieldRef(strings.TrimSpace(warning.FieldRef), path.Child("fieldRef"))...)
		}
	}
	return append(errs, metav1validation.ValidateConditions(status.Conditions, path.Child("conditions"))...)
}

func validateFieldRef(ref string, path *field.Path) field.ErrorList {
	if ref == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if err := jsonpath.New("spec").Parse("{" + ref + "}"); err != nil {
		return field.ErrorList{field.Invalid(path, ref, fmt.Sprintf("invalid JSONPath: %v", err))}
	}
	return nil
}
