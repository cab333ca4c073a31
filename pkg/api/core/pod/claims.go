package pod

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

// validateClaimStatuses checks which claims were made for the pod's.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
func validateClaimStatuses(statuses []corev1.PodResourceClaimStatus, claims []corev1.PodResourceClaim, path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, s := range statuses {
		path := path.Index(i)
		if !slices.ContainsFunc(claims, func(c corev1.PodResourceClaim) bool { return c.Name == s.Name }) {
			errs = append(errs, field.Invalid(path.Child("name"), s.Name, "must match the name of an entry in `spec.resourceClaims`"))
		}
		if names.Has(s.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), s.Name))
		}
		names.Insert(s.Name)
		if s.ResourceClaimName != nil {
			errs = append(errs, check.DNS1123Subdomain(*s.ResourceClaimName, path.Child("resourceClaimName"))...)
		}
	}
	return errs
}

// validateExtendedClaim checks the claim that was made for devices which
// containers request as if they were counted resources.
//
// https://kep.k8s.io/5004
func validateExtendedClaim(s *corev1.PodExtendedResourceClaimStatus, spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	if len(s.RequestMappings) == 0 {
		errs = append(errs, field.Required(path.Child("requestMappings"), "at least one request mapping is required"))
	}
	containers := slices.Concat(spec.InitContainers, spec.Containers)
	seen := sets.New[corev1.ContainerExtendedResourceRequest]()
	for i, m := range s.RequestMappings {
		at := path.Child("requestMappings").Index(i)
		switch c := containerNamed(containers, m.ContainerName); {
		case c == nil:
			errs = append(errs, field.Invalid(at.Child("containerName"), m.ContainerName, "must match the name of an entry in spec.initContainers.name or spec.containers.name"))
		case !has(c.Resources.Requests, m.ResourceName):
			errs = append(errs, field.Invalid(at.Child("resourceName"), m.ResourceName, "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests"))
		}
		errs = append(errs, check.DNS1123Label(m.RequestName, path.Child("requestName"))...)
		if seen.Has(m) {
			errs = append(errs, field.Duplicate(at.Child("containerName"), m.ContainerName),
				field.Duplicate(at.Child("resourceName"), m.ResourceName), field.Duplicate(at.Child("requestName"), m.RequestName))
		}
		seen.Insert(m)
	}
	if s.ResourceClaimName == "" {
		return append(errs, field.Required(path.Child("resourceClaimName"), ""))
	}
	return append(errs, check.DNS1123Subdomain(s.ResourceClaimName, path.Child("resourceClaimName"))...)
}

func has(list corev1.ResourceList, name string) bool {
	_, ok := list[corev1.ResourceName(name)]
	return ok
}

func containerNamed(containers []corev1.Container, name string) *corev1.Container {
	for i := range containers {
		if containers[i].Name == name {
			return &containers[i]
		}
	}
	return nil
}

// claimPrefix begins the name of an allocated resource that is from a claim.
const claimPrefix = "claim:"

// isAllocated reports whether a container can have been given the resource: one
// that it requests, or one of a claim.
func isAllocated(name corev1.ResourceName, c *corev1.Container, extended *corev1.PodExtendedResourceClaimStatus) bool {
	claim, ok := strings.CutPrefix(string(name), claimPrefix)
	if !ok {
		return has(c.Resources.Requests, string(name))
	}
	for _, own := range c.Resources.Claims {
		if claim == own.Name && own.Request == "" || claim == own.Name+"/"+own.Request && own.Request != "" {
			return true
		}
	}
	claim, request, _ := strings.Cut(claim, "/")
	if extended == nil || request == "" || claim != extended.ResourceClaimName {
		return false
	}
	for _, m := range extended.RequestMappings {
		if quantity := c.Resources.Requests[corev1.ResourceName(m.ResourceName)]; m.ContainerName == c.Name && m.RequestName == request && !quantity.IsZero() {
			return true
		}
	}
	return false
}
