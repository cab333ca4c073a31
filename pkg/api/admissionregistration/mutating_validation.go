package admissionregistration

import (
	"strings"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

func validateMutatingPolicy(obj api.Object) field.ErrorList {
	return checkOf(obj, nil).mutating(&obj.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec, field.NewPath("spec"))
}

func validateMutatingPolicyUpdate(obj, old api.Object) field.ErrorList {
	c := checkOf(obj, old)
	for _, m := range old.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec.Mutations {
		if m.ApplyConfiguration != nil {
			c.remember(m.ApplyConfiguration.Expression)
		}
		if m.JSONPatch != nil {
			c.remember(m.JSONPatch.Expression)
		}
	}
	return c.mutating(&obj.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec, field.NewPath("spec"))
}

func (c *policyCheck) mutating(spec *admissionregistrationv1.MutatingAdmissionPolicySpec, path *field.Path) field.ErrorList {
	errs := c.common(spec.FailurePolicy, spec.ParamKind, spec.MatchConstraints, path)
	errs = append(errs, validateMutableOperations(spec.MatchConstraints, path.Child("matchConstraints"))...)
	if !c.sameConditions {
		errs = append(errs, c.conditions(spec.MatchConditions, path.Child("matchConditions"))...)
	}
	k := knows{params: c.params, authorizer: true, variables: true}
	errs = append(errs, c.variableList(spec.Variables, k, path.Child("variables"))...)
	if len(spec.Mutations) == 0 {
		errs = append(errs, field.Required(path.Child("mutations"), "mutations must contain at least one item"))
	}
	k.patches = true
	for i := range spec.Mutations {
		errs = append(errs, c.mutation(&spec.Mutations[i], k, path.Child("mutations").Index(i))...)
	}
	if spec.ReinvocationPolicy == "" {
		return append(errs, field.Required(path.Child("reinvocationPolicy"), ""))
	}
	return append(errs, validateReinvocation(spec.ReinvocationPolicy, path.Child("reinvocationPolicy"))...)
}

// mutation checks a change: that it has the part of its type and no other.
func (c *policyCheck) mutation(m *admissionregistrationv1.Mutation, k knows, path *field.Path) (errs field.ErrorList) {
	const apply, patch = admissionregistrationv1.PatchTypeApplyConfiguration, admissionregistrationv1.PatchTypeJSONPatch
	switch m.PatchType {
	case "":
		return field.ErrorList{field.Required(path.Child("patchType"), "")}
	case patch:
		if m.JSONPatch == nil {
			errs = append(errs, field.Required(path.Child("jsonPatch"), "must be specified when patchType is JSONPatch"))
		} else {
			errs = append(errs, c.change(m.JSONPatch.Expression, k, path.Child("jsonPatch"), jsonOperations)...)
		}
		if m.ApplyConfiguration != nil {
			errs = append(errs, field.Invalid(path.Child("applyConfiguration"), "{applyConfiguration}", "must not be specified when patchType is JSONPatch"))
		}
	case apply:
		if m.ApplyConfiguration == nil {
			errs = append(errs, field.Required(path.Child("applyConfiguration"), "must be specified when patchType is ApplyConfiguration"))
		} else {
			errs = append(errs, c.change(m.ApplyConfiguration.Expression, k, path.Child("applyConfiguration"), configuration)...)
		}
		if m.JSONPatch != nil {
			errs = append(errs, field.Invalid(path.Child("jsonPatch"), "{jsonPatch}", "must not be specified when patchType is ApplyConfiguration"))
		}
	default:
		return field.ErrorList{field.NotSupported(path.Child("patchType"), m.PatchType, []admissionregistrationv1.PatchType{apply, patch})}
	}
	return errs
}

func (c *policyCheck) change(source string, k knows, path *field.Path, types []*cel.Type) field.ErrorList {
	source = strings.TrimSpace(source)
	if source == "" {
		return field.ErrorList{field.Required(path.Child("expression"), "")}
	}
	return c.check(source, k, path.Child("expression"), types...)
}
