package admissionregistration

import (
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

var (
	validatingBindingParts = api.PartsOf(func(obj *admissionregistrationv1.ValidatingAdmissionPolicyBinding) (*admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec, *api.NoStatus) {
		return &obj.Spec, nil
	})
	mutatingBindingParts = api.PartsOf(func(obj *admissionregistrationv1.MutatingAdmissionPolicyBinding) (*admissionregistrationv1.MutatingAdmissionPolicyBindingSpec, *api.NoStatus) {
		return &obj.Spec, nil
	})
)

// ValidatingAdmissionPolicyBinding is the resource
// validatingadmissionpolicybindings: where a policy holds, with which parameters,
// and what happens to those who break it.
//
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
var ValidatingAdmissionPolicyBinding = bindings(&api.Resource{
	Kind:     "ValidatingAdmissionPolicyBinding",
	Plural:   "validatingadmissionpolicybindings",
	Singular: "validatingadmissionpolicybinding",
	New:      func() api.Object { return &admissionregistrationv1.ValidatingAdmissionPolicyBinding{} },
	NewList:  func() runtime.Object { return &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{} },

	PrepareCreate: validatingBindingParts.PrepareCreate,
	PrepareUpdate: validatingBindingParts.PrepareUpdate,
	Validate:      validateBinding,
})

// MutatingAdmissionPolicyBinding is the resource
// mutatingadmissionpolicybindings: where a mutating policy holds, and with
// which parameters.
//
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
var MutatingAdmissionPolicyBinding = bindings(&api.Resource{
	Kind:     "MutatingAdmissionPolicyBinding",
	Plural:   "mutatingadmissionpolicybindings",
	Singular: "mutatingadmissionpolicybinding",
	New:      func() api.Object { return &admissionregistrationv1.MutatingAdmissionPolicyBinding{} },
	NewList:  func() runtime.Object { return &admissionregistrationv1.MutatingAdmissionPolicyBindingList{} },

	PrepareCreate: mutatingBindingParts.PrepareCreate,
	PrepareUpdate: mutatingBindingParts.PrepareUpdate,
	Validate:      validateMutatingBinding,
})

// bindings completes the definition of a kind of bindings by what both have in common.
func bindings(r *api.Resource) *api.Resource {
	r.Group, r.Version, r.Categories = admissionregistrationv1.GroupName, "v1", extensions
	r.Default = func(obj api.Object) { defaultMatch(bindingOf(obj).match) }
	r.ValidateUpdate = func(obj, _ api.Object) field.ErrorList { return r.Validate(obj) }
	r.Columns = bindingColumns
	r.Row = func(obj api.Object, now time.Time) []any {
		b := bindingOf(obj)
		return []any{obj.GetName(), b.policy, formatParamRef(b.params), api.Age(obj.GetCreationTimestamp(), now)}
	}
	return r
}

// binding is what both kinds of bindings say.
type binding struct {
	policy string
	params *admissionregistrationv1.ParamRef
	match  *admissionregistrationv1.MatchResources
}

func bindingOf(obj api.Object) binding {
	if b, ok := obj.(*admissionregistrationv1.MutatingAdmissionPolicyBinding); ok {
		return binding{b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources}
	}
	b := obj.(*admissionregistrationv1.ValidatingAdmissionPolicyBinding)
	return binding{b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources}
}

// The columns are described in upstream's words, slips and all.
var bindingColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("PolicyName", "string", "PolicyName indicates the policy definition which the policy binding binded to"),
	api.Column("ParamRef", "string", "ParamRef indicates the param resource which sets the configuration param"),
	api.AgeColumn,
}

func formatParamRef(ref *admissionregistrationv1.ParamRef) string {
	switch {
	case ref == nil:
	case ref.Name != "" && ref.Namespace != "":
		return ref.Namespace + "/" + ref.Name
	case ref.Name != "":
		return "*/" + ref.Name
	case ref.Selector != nil:
		return ref.Selector.String()
	}
	return unset
}

// validateBinding checks a binding. What must be there comes last, where upstream
// reads it off the tags of the type.
func validateBinding(obj api.Object) (errs field.ErrorList) {
	spec, path := &obj.(*admissionregistrationv1.ValidatingAdmissionPolicyBinding).Spec, field.NewPath("spec")
	var missing field.ErrorList
	if spec.PolicyName == "" {
		missing = append(missing, field.Required(path.Child("policyName"), ""))
	} else {
		errs = validatePolicyName(spec.PolicyName, path.Child("policyName"))
	}
	errs = append(errs, validateParamRef(spec.ParamRef, path.Child("paramRef"))...)
	errs = append(errs, validateMatch(spec.MatchResources, path.Child("matchResources"))...)
	if len(spec.ValidationActions) == 0 {
		missing = append(missing, field.Required(path.Child("validationActions"), ""))
	}
	return append(append(errs, validateActions(spec.ValidationActions, path.Child("validationActions"))...), missing...)
}

func validateMutatingBinding(obj api.Object) (errs field.ErrorList) {
	spec, path := &obj.(*admissionregistrationv1.MutatingAdmissionPolicyBinding).Spec, field.NewPath("spec")
	if spec.PolicyName == "" {
		errs = append(errs, field.Required(path.Child("policyName"), ""))
	} else {
		errs = validatePolicyName(spec.PolicyName, path.Child("policyName"))
	}
	errs = append(errs, validateParamRef(spec.ParamRef, path.Child("paramRef"))...)
	errs = append(errs, validateMatch(spec.MatchResources, path.Child("matchResources"))...)
	return append(errs, validateMutableOperations(spec.MatchResources, path.Child("matchResources"))...)
}

func validatePolicyName(name string, path *field.Path) (errs field.ErrorList) {
	for _, problem := range apivalidation.NameIsDNSSubdomain(name, false) {
		errs = append(errs, field.Invalid(path, name, problem))
	}
	return errs
}

func validateActions(actions []admissionregistrationv1.ValidationAction, path *field.Path) (errs field.ErrorList) {
	const audit, deny, warn = admissionregistrationv1.Audit, admissionregistrationv1.Deny, admissionregistrationv1.Warn
	for i, action := range actions {
		errs = append(errs, check.OneOf(action, path.Index(i), audit, deny, warn)...)
		if slices.Contains(actions[:i], action) {
			errs = append(errs, field.Duplicate(path.Index(i), action))
		}
	}
	if slices.Contains(actions, deny) && slices.Contains(actions, warn) {
		errs = append(errs, field.Invalid(path, actions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	return errs
}

func validateParamRef(ref *admissionregistrationv1.ParamRef, path *field.Path) (errs field.ErrorList) {
	if ref == nil {
		return nil
	}
	const exclusive = "name and selector are mutually exclusive"
	name, selector := path.Child("name"), path.Child("selector")
	if ref.Name != "" {
		for _, problem := range pathvalidation.ValidatePathSegmentName(ref.Name, false) {
			errs = append(errs, field.Invalid(name, ref.Name, problem))
		}
		if ref.Selector != nil {
			errs = append(errs, field.Forbidden(name, exclusive))
		}
	}
	if ref.Selector != nil {
		errs = append(errs, metav1validation.ValidateLabelSelector(ref.Selector, metav1validation.LabelSelectorValidationOptions{}, selector)...)
		if ref.Name != "" {
			errs = append(errs, field.Forbidden(selector, exclusive))
		}
	}
	if ref.Name == "" && ref.Selector == nil {
		errs = append(errs, field.Required(path, "one of name or selector must be specified"))
	}
	action := path.Child("parameterNotFoundAction")
	if ref.ParameterNotFoundAction == nil || *ref.ParameterNotFoundAction == "" {
		return append(errs, field.Required(action, ""))
	}
	return append(errs, check.OneOf(*ref.ParameterNotFoundAction, action, admissionregistrationv1.DenyAction, admissionregistrationv1.AllowAction)...)
}
