package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

// validateResources checks what a container asks for and what it may not exceed.
//
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
func (c *checker) validateResources(r *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	return append(validateAmounts(r, resources.ValidateContainerName, path), c.validateClaimNames(r.Claims, path.Child("claims"))...)
}

// validateAmounts checks requests against limits, and the names of both by named.
func validateAmounts(r *corev1.ResourceRequirements, named func(corev1.ResourceName, *field.Path) field.ErrorList, path *field.Path) (errs field.ErrorList) {
	limits, requests := path.Child("limits"), path.Child("requests")
	for _, name := range resources.Names(r.Limits) {
		at := limits.Key(string(name))
		errs = append(errs, named(name, at)...)
		errs = append(errs, resources.ValidateQuantity(name, r.Limits[name], at)...)
		errs = append(errs, resources.ValidatePages(name, r.Limits[name], at)...)
	}
	for _, name := range resources.Names(r.Requests) {
		request := r.Requests[name]
		at := requests.Key(string(name))
		errs = append(errs, named(name, at)...)
		errs = append(errs, resources.ValidateQuantity(name, request, at)...)
		limit, ok := r.Limits[name]
		switch {
		case !ok && !resources.MayOvercommit(name):
			errs = append(errs, field.Required(limits, "Limit must be set for non overcommitable resources"))
		case ok && !resources.MayOvercommit(name) && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case ok && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
		errs = append(errs, resources.ValidatePages(name, request, at)...)
	}
	if pages, computes := hasPages(r); pages && !computes {
		errs = append(errs, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	return errs
}

// hasPages reports whether huge pages, and CPU or memory, are among the resources.
func hasPages(r *corev1.ResourceRequirements) (pages, computes bool) {
	for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
		for name := range list {
			pages = pages || resources.IsHugePages(name)
			computes = computes || name == corev1.ResourceCPU || name == corev1.ResourceMemory
		}
	}
	return pages, computes
}

func validateResizePolicy(policies []corev1.ContainerResizePolicy, restart corev1.RestartPolicy, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceName]()
	for i, p := range policies {
		if seen.Has(p.ResourceName) {
			errs = append(errs, field.Duplicate(path.Index(i), p.ResourceName))
		}
		seen.Insert(p.ResourceName)
		errs = append(errs, check.Required(p.ResourceName, path, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, check.Required(p.RestartPolicy, path, corev1.NotRequired, corev1.RestartContainer)...)
		if restart == corev1.RestartPolicyNever && p.RestartPolicy != corev1.NotRequired {
			errs = append(errs, field.Invalid(path, p.RestartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
		}
	}
	return errs
}
