package policy

import (
	"time"

	policyv1 "k8s.io/api/policy/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

var parts = api.PartsOf(func(obj *policyv1.PodDisruptionBudget) (*policyv1.PodDisruptionBudgetSpec, *policyv1.PodDisruptionBudgetStatus) {
	return &obj.Spec, &obj.Status
})

// PodDisruptionBudget is the resource poddisruptionbudgets: how many of some pods
// may be evicted at a time.
//
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/pod-disruption-budget-v1/
var PodDisruptionBudget = &api.Resource{
	Group:      policyv1.GroupName,
	Version:    "v1",
	Kind:       "PodDisruptionBudget",
	Plural:     "poddisruptionbudgets",
	Singular:   "poddisruptionbudget",
	ShortNames: []string{"pdb"},
	Namespaced: true,
	New:        func() api.Object { return &policyv1.PodDisruptionBudget{} },
	NewList:    func() runtime.Object { return &policyv1.PodDisruptionBudgetList{} },

	PrepareCreate:  parts.PrepareCreate,
	PrepareUpdate:  parts.PrepareUpdate,
	LateMeta:       true,
	Validate:       validate,
	ValidateUpdate: func(obj, _ api.Object) field.ErrorList { return validate(obj) },

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Min Available", "string", "The minimum number of pods that must be available."),
		api.Column("Max Unavailable", "string", "The maximum number of pods that may be unavailable."),
		api.Column("Allowed Disruptions", "integer", "Calculated number of pods that may be disrupted at this time."),
		api.AgeColumn,
	},
	Row: row,

	Subresources: []api.Subresource{
		parts.Status(validateStatus),
	},
}

func row(obj api.Object, now time.Time) []any {
	budget := obj.(*policyv1.PodDisruptionBudget)
	return []any{budget.Name, amountCell(budget.Spec.MinAvailable), amountCell(budget.Spec.MaxUnavailable),
		int64(budget.Status.DisruptionsAllowed), api.Age(budget.CreationTimestamp, now)}
}

func amountCell(amount *intstr.IntOrString) string {
	if amount == nil {
		return "N/A"
	}
	return amount.String()
}

func validate(obj api.Object) (errs field.ErrorList) {
	spec, path := &obj.(*policyv1.PodDisruptionBudget).Spec, field.NewPath("spec")
	if spec.MinAvailable != nil && spec.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(path, api.Internal(*spec), "minAvailable and maxUnavailable cannot be both set"))
	}
	if spec.MinAvailable != nil {
		errs = append(errs, api.ValidateAmount(*spec.MinAvailable, path.Child("minAvailable"))...)
		errs = append(errs, api.ValidateNotAboveAll(*spec.MinAvailable, path.Child("minAvailable"))...)
	}
	if spec.MaxUnavailable != nil {
		errs = append(errs, api.ValidateAmount(*spec.MaxUnavailable, path.Child("maxUnavailable"))...)
		errs = append(errs, api.ValidateNotAboveAll(*spec.MaxUnavailable, path.Child("maxUnavailable"))...)
	}
	errs = append(errs, metav1validation.ValidateLabelSelector(spec.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	if policy := spec.UnhealthyPodEvictionPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("unhealthyPodEvictionPolicy"), policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
	}
	return errs
}

func validateStatus(obj, _ api.Object) field.ErrorList {
	status, path := &obj.(*policyv1.PodDisruptionBudget).Status, field.NewPath("status")
	errs := metav1validation.ValidateConditions(status.Conditions, path.Child("conditions"))
	for _, n := range []struct {
		name  string
		value int32
	}{{"disruptionsAllowed", status.DisruptionsAllowed}, {"currentHealthy", status.CurrentHealthy},
		{"desiredHealthy", status.DesiredHealthy}, {"expectedPods", status.ExpectedPods}} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(n.value), path.Child(n.name))...)
	}
	return errs
}
