package limits

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/resources"
)

// podAmounts are what a quota counts of pods beside their number.
var podAmounts = sets.New(corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory,
	corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory)

// scopeFits are the scopes that there are, each with the resources that it is about.
var scopeFits = map[corev1.ResourceQuotaScope]sets.Set[corev1.ResourceName]{
	corev1.ResourceQuotaScopeTerminating:               podAmounts.Union(sets.New(corev1.ResourcePods)),
	corev1.ResourceQuotaScopeNotTerminating:            podAmounts.Union(sets.New(corev1.ResourcePods)),
	corev1.ResourceQuotaScopeNotBestEffort:             podAmounts.Union(sets.New(corev1.ResourcePods)),
	corev1.ResourceQuotaScopePriorityClass:             podAmounts.Union(sets.New(corev1.ResourcePods)),
	corev1.ResourceQuotaScopeCrossNamespacePodAffinity: podAmounts.Union(sets.New(corev1.ResourcePods)),
	corev1.ResourceQuotaScopeBestEffort:                sets.New(corev1.ResourcePods),
	corev1.ResourceQuotaScopeVolumeAttributesClass:     sets.New(corev1.ResourcePersistentVolumeClaims, corev1.ResourceRequestsStorage),
}

func validateResourceQuota(obj api.Object) field.ErrorList {
	spec, path := &obj.(*corev1.ResourceQuota).Spec, field.NewPath("spec")
	errs := validateQuotaAmounts(spec.Hard, path.Child("hard"))
	errs = append(errs, validateQuotaScopes(spec, path.Child("scopes"))...)
	if spec.ScopeSelector != nil {
		errs = append(errs, validateScopeSelector(spec, path.Child("scopeSelector", "matchExpressions"))...)
	}
	return errs
}

func validateResourceQuotaUpdate(obj, old api.Object) field.ErrorList {
	errs := validateResourceQuota(obj)
	now, before := obj.(*corev1.ResourceQuota).Spec.Scopes, old.(*corev1.ResourceQuota).Spec.Scopes
	if !sets.New(now...).Equal(sets.New(before...)) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "scopes"), now, "field is immutable"))
	}
	return errs
}

func validateResourceQuotaStatus(obj, _ api.Object) field.ErrorList {
	status, path := &obj.(*corev1.ResourceQuota).Status, field.NewPath("status")
	return append(validateQuotaAmounts(status.Hard, path.Child("hard")), validateQuotaAmounts(status.Used, path.Child("used"))...)
}

func validateQuotaAmounts(list corev1.ResourceList, path *field.Path) (errs field.ErrorList) {
	for _, name := range resources.Names(list) {
		at := path.Key(string(name))
		errs = append(errs, resources.ValidateQuotaName(name, at)...)
		errs = append(errs, resources.ValidateQuantity(name, list[name], at)...)
	}
	return errs
}

func validateQuotaScopes(spec *corev1.ResourceQuotaSpec, path *field.Path) (errs field.ErrorList) {
	for _, scope := range spec.Scopes {
		if scopeFits[scope] == nil {
			errs = append(errs, field.Invalid(path, spec.Scopes, "unsupported scope"))
		}
		for range misfits(spec, scope) {
			errs = append(errs, field.Invalid(path, spec.Scopes, "unsupported scope applied to resource"))
		}
	}
	return append(errs, validateConflicts(spec.Scopes, spec, path)...)
}

// misfits are the resources of a quota that a scope is not about.
func misfits(spec *corev1.ResourceQuotaSpec, scope corev1.ResourceQuotaScope) (names []corev1.ResourceName) {
	fits := scopeFits[scope]
	if fits == nil {
		return nil
	}
	for _, name := range resources.Names(spec.Hard) {
		if resources.IsQuota(name) && !fits.Has(name) {
			names = append(names, name)
		}
	}
	return names
}

// validateConflicts refuses scopes of which no object can have both.
func validateConflicts(scopes []corev1.ResourceQuotaScope, spec *corev1.ResourceQuotaSpec, path *field.Path) (errs field.ErrorList) {
	for _, pair := range [][2]corev1.ResourceQuotaScope{
		{corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort},
		{corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating},
	} {
		if slices.Contains(scopes, pair[0]) && slices.Contains(scopes, pair[1]) {
			errs = append(errs, field.Invalid(path, spec.Scopes, "conflicting scopes"))
		}
	}
	return errs
}

func validateScopeSelector(spec *corev1.ResourceQuotaSpec, path *field.Path) (errs field.ErrorList) {
	var scopes []corev1.ResourceQuotaScope
	for i := range spec.ScopeSelector.MatchExpressions {
		r := &spec.ScopeSelector.MatchExpressions[i]
		scopes = append(scopes, r.ScopeName)
		if scopeFits[r.ScopeName] == nil {
			errs = append(errs, field.Invalid(path.Child("scopeName"), r.ScopeName, "unsupported scope"))
		}
		for range misfits(spec, r.ScopeName) {
			errs = append(errs, field.Invalid(path, api.Internal(spec.ScopeSelector), "unsupported scope applied to resource"))
		}
		errs = append(errs, validateScopeRequirement(r, path)...)
	}
	return append(errs, validateConflicts(scopes, spec, path)...)
}

func validateScopeRequirement(r *corev1.ScopedResourceSelectorRequirement, path *field.Path) (errs field.ErrorList) {
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopeTerminating,
		corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		if r.Operator != corev1.ScopeSelectorOpExists {
			errs = append(errs, field.Invalid(path.Child("operator"), r.Operator,
				"must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"))
		}
	}
	switch r.Operator {
	case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(path.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		}
	case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Invalid(path.Child("values"), r.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	return errs
}
