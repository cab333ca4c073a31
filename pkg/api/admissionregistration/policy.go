package admissionregistration

import (
	"context"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ValidatingAdmissionPolicy is the resource validatingadmissionpolicies:
// expressions that must be true of what is admitted.
//
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
var ValidatingAdmissionPolicy = &api.Resource{
	Group:      admissionregistrationv1.GroupName,
	Version:    "v1",
	Kind:       "ValidatingAdmissionPolicy",
	Plural:     "validatingadmissionpolicies",
	Singular:   "validatingadmissionpolicy",
	Categories: extensions,
	New:        func() api.Object { return &admissionregistrationv1.ValidatingAdmissionPolicy{} },
	NewList:    func() runtime.Object { return &admissionregistrationv1.ValidatingAdmissionPolicyList{} },

	Default: func(obj api.Object) {
		spec := &obj.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec
		setIfNil(&spec.FailurePolicy, admissionregistrationv1.Fail)
		defaultMatch(spec.MatchConstraints)
	},
	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.SetGeneration(1)
		obj.(*admissionregistrationv1.ValidatingAdmissionPolicy).Status = admissionregistrationv1.ValidatingAdmissionPolicyStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		policy, before := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy), old.(*admissionregistrationv1.ValidatingAdmissionPolicy)
		policy.Status = before.Status
		if !equality.Semantic.DeepEqual(before.Spec, policy.Spec) {
			policy.Generation = before.Generation + 1
		}
	},
	Validate:       validatePolicy,
	ValidateUpdate: validatePolicyUpdate,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Validations", "integer", "Validations indicates the number of validation rules defined in this configuration"),
		paramKindColumn,
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		policy := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy)
		return []any{policy.Name, len(policy.Spec.Validations), formatParamKind(policy.Spec.ParamKind), api.Age(policy.CreationTimestamp, now)}
	},

	Subresources: []api.Subresource{{
		Name: "status", Verbs: []string{"get", "patch", "update"},
		Put: func(_ context.Context, parent, body api.Object) error {
			to, from := parent.(*admissionregistrationv1.ValidatingAdmissionPolicy), body.(*admissionregistrationv1.ValidatingAdmissionPolicy)
			to.ManagedFields, to.Status = from.ManagedFields, from.Status
			return nil
		},
		Validate: validatePolicyStatus,
	}},
}

// MutatingAdmissionPolicy is the resource mutatingadmissionpolicies: expressions
// that make changes to what is admitted.
//
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
var MutatingAdmissionPolicy = &api.Resource{
	Group:      admissionregistrationv1.GroupName,
	Version:    "v1",
	Kind:       "MutatingAdmissionPolicy",
	Plural:     "mutatingadmissionpolicies",
	Singular:   "mutatingadmissionpolicy",
	Categories: extensions,
	New:        func() api.Object { return &admissionregistrationv1.MutatingAdmissionPolicy{} },
	NewList:    func() runtime.Object { return &admissionregistrationv1.MutatingAdmissionPolicyList{} },

	Default: func(obj api.Object) {
		spec := &obj.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec
		setIfNil(&spec.FailurePolicy, admissionregistrationv1.Fail)
		defaultMatch(spec.MatchConstraints)
	},
	PrepareCreate: func(_ context.Context, obj api.Object) { obj.SetGeneration(1) },
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		if !equality.Semantic.DeepEqual(old.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec, obj.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec) {
			obj.SetGeneration(old.GetGeneration() + 1)
		}
	},
	Validate:       validateMutatingPolicy,
	ValidateUpdate: validateMutatingPolicyUpdate,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Mutations", "integer", "Mutation indicates the number of mutations rules defined in this configuration"),
		paramKindColumn,
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		policy := obj.(*admissionregistrationv1.MutatingAdmissionPolicy)
		return []any{policy.Name, len(policy.Spec.Mutations), formatParamKind(policy.Spec.ParamKind), api.Age(policy.CreationTimestamp, now)}
	},
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
