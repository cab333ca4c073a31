package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

// validateResources checks what a container asks for and what it may not exceed.
//
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
func (c *checker) validateResources(r *corev1.ResourceRequirements, path *field.Path) (errs field.ErrorList) {
	limits, requests := path.Child("limits"), path.Child("requests")
	for _, name := range resources.Names(r.Limits) {
		errs = append(errs, validateAmount(name, r.Limits[name], limits.Key(string(name)))...)
	}
	for _, name := range resources.Names(r.Requests) {
		request := r.Requests[name]
		errs = append(errs, validateAmount(name, request, requests.Key(string(name)))...)
		limit, ok := r.Limits[name]
		switch {
		case !ok && !resources.MayOvercommit(name):
			errs = append(errs, field.Required(limits, "Limit must be set for non overcommitable resources"))
		case ok && !resources.MayOvercommit(name) && request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String())))
		case ok && request.Cmp(limit) > 0:
			errs = append(errs, field.Invalid(requests, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	if pages, computes := hasPages(r); pages && !computes {
		errs = append(errs, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	return append(errs, c.validateClaimNames(r.Claims, path.Child("claims"))...)
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

func (c *checker) validateClaimNames(claims []corev1.ResourceClaim, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceClaim]()
	for i, claim := range claims {
		switch {
		case claim.Name == "":
			errs = append(errs, field.Required(path.Index(i), ""))
		case seen.Has(claim):
			errs = append(errs, field.Duplicate(path.Index(i), claim))
		case !c.claims.Has(claim.Name):
			errs = append(errs, field.NotFound(path.Index(i), claim.Name))
		}
		seen.Insert(claim)
	}
	return errs
}

func validateAmount(name corev1.ResourceName, quantity resource.Quantity, path *field.Path) field.ErrorList {
	errs := append(resources.ValidateContainerName(name, path), resources.ValidateQuantity(name, quantity, path)...)
	return append(errs, resources.ValidatePages(name, quantity, path)...)
}

// validatePodResources checks resources of the pod as a whole: they hold for
// all its containers together.
//
// https://kep.k8s.io/2837
func (c *checker) validatePodResources(path *field.Path) (errs field.ErrorList) {
	r := c.spec.Resources
	if r == nil {
		return nil
	}
	if len(r.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	for _, list := range []struct {
		name string
		list corev1.ResourceList
	}{{"limits", r.Limits}, {"requests", r.Requests}} {
		for _, name := range resources.Names(list.list) {
			if !resourcehelper.IsSupportedPodLevelResource(name) {
				errs = append(errs, field.NotSupported(path.Child(list.name).Key(string(name)), name, podLevelNames()))
			}
		}
	}
	return append(errs, c.validateResources(&corev1.ResourceRequirements{Limits: r.Limits, Requests: r.Requests}, path)...)
}

func podLevelNames() []corev1.ResourceName {
	return sets.List(resourcehelper.SupportedPodLevelResources())
}

func validateResizePolicy(policies []corev1.ContainerResizePolicy, restart corev1.RestartPolicy, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceName]()
	for _, p := range policies {
		if seen.Has(p.ResourceName) {
			errs = append(errs, field.Duplicate(path, p.ResourceName))
		}
		seen.Insert(p.ResourceName)
		errs = append(errs, check.Required(p.ResourceName, path, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, check.Required(p.RestartPolicy, path, corev1.NotRequired, corev1.RestartContainer)...)
		if restart == corev1.RestartPolicyNever && p.RestartPolicy != corev1.NotRequired {
			errs = append(errs, field.Invalid(path, p.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}
