package admissionregistration

import (
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

var (
	validatingPolicyParts = api.PartsOf(func(obj *admissionregistrationv1.ValidatingAdmissionPolicy) (*admissionregistrationv1.ValidatingAdmissionPolicySpec, *admissionregistrationv1.ValidatingAdmissionPolicyStatus) {
		return &obj.Spec, &obj.Status
	})
	mutatingPolicyParts = api.PartsOf(func(obj *admissionregistrationv1.MutatingAdmissionPolicy) (*admissionregistrationv1.MutatingAdmissionPolicySpec, *api.NoStatus) {
		return &obj.Spec, nil
	})
)

// ValidatingAdmissionPolicy is the resource validatingadmissionpolicies:
// expressions that must be true of what is admitted.
//
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
var ValidatingAdmissionPolicy = policies(&api.Resource{
	Kind:     "ValidatingAdmissionPolicy",
	Plural:   "validatingadmissionpolicies",
	Singular: "validatingadmissionpolicy",
	New:      func() api.Object { return &admissionregistrationv1.ValidatingAdmissionPolicy{} },
	NewList:  func() runtime.Object { return &admissionregistrationv1.ValidatingAdmissionPolicyList{} },

	PrepareCreate:  validatingPolicyParts.PrepareCreate,
	PrepareUpdate:  validatingPolicyParts.PrepareUpdate,
	Validate:       validatePolicy,
	ValidateUpdate: validatePolicyUpdate,

	Subresources: []api.Subresource{validatingPolicyParts.StatusAlone(validatePolicyStatus)},
}, api.Column("Validations", "integer", "Validations indicates the number of validation rules defined in this configuration"))

// MutatingAdmissionPolicy is the resource mutatingadmissionpolicies: expressions
// that make changes to what is admitted.
//
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
var MutatingAdmissionPolicy = policies(&api.Resource{
	Kind:     "MutatingAdmissionPolicy",
	Plural:   "mutatingadmissionpolicies",
	Singular: "mutatingadmissionpolicy",
	New:      func() api.Object { return &admissionregistrationv1.MutatingAdmissionPolicy{} },
	NewList:  func() runtime.Object { return &admissionregistrationv1.MutatingAdmissionPolicyList{} },

	PrepareCreate:  mutatingPolicyParts.PrepareCreate,
	PrepareUpdate:  mutatingPolicyParts.PrepareUpdate,
	Validate:       validateMutatingPolicy,
	ValidateUpdate: validateMutatingPolicyUpdate,
}, api.Column("Mutations", "integer", "Mutation indicates the number of mutations rules defined in this configuration"))

// policies completes the definition of a kind of policies by what both have in
// common. rules is the column that counts the policy's rules.
func policies(r *api.Resource, rules metav1.TableColumnDefinition) *api.Resource {
	r.Group, r.Version, r.Categories = admissionregistrationv1.GroupName, "v1", extensions
	r.Default = func(obj api.Object) {
		p := policyOf(obj)
		setIfNil(p.failure, admissionregistrationv1.Fail)
		defaultMatch(p.match)
	}
	r.Columns = []metav1.TableColumnDefinition{api.NameColumn, rules, paramKindColumn, api.AgeColumn}
	r.Row = func(obj api.Object, now time.Time) []any {
		p := policyOf(obj)
		return []any{obj.GetName(), p.rules, formatParamKind(p.params), api.Age(obj.GetCreationTimestamp(), now)}
	}
	return r
}

// policy is what both kinds of policies say. Its pointers lead into the object.
type policy struct {
	failure **admissionregistrationv1.FailurePolicyType
	match   *admissionregistrationv1.MatchResources
	params  *admissionregistrationv1.ParamKind
	rules   int

	conditions []admissionregistrationv1.MatchCondition
}

func policyOf(obj api.Object) policy {
	if p, ok := obj.(*admissionregistrationv1.MutatingAdmissionPolicy); ok {
		return policy{&p.Spec.FailurePolicy, p.Spec.MatchConstraints, p.Spec.ParamKind, len(p.Spec.Mutations), p.Spec.MatchConditions}
	}
	p := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy)
	return policy{&p.Spec.FailurePolicy, p.Spec.MatchConstraints, p.Spec.ParamKind, len(p.Spec.Validations), p.Spec.MatchConditions}
}

var paramKindColumn = api.Column("ParamKind", "string", "ParamKind specifies the kind of resources used to parameterize this policy")

// unset fills a cell about something that a policy can do without.
const unset = "<unset>"

func formatParamKind(kind *admissionregistrationv1.ParamKind) string {
	if kind == nil {
		return unset
	}
	return kind.APIVersion + "/" + kind.Kind
}
