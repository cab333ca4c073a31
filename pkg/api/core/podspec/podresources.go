package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

// validatePodResources checks resources of the pod as a whole, at path: they
// hold for all its containers together.
//
// https://kep.k8s.io/2837
func (c *checker) validatePodResources(path *field.Path) (errs field.ErrorList) {
	r := c.spec.Resources
	if r == nil {
		return nil
	}
	if os := c.spec.OS; os != nil && os.Name == corev1.Windows {
		return field.ErrorList{field.Forbidden(path, "may not be set for a windows pod")}
	}
	if r.Claims != nil {
		errs = append(errs, field.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	errs = append(errs, validateAmounts(r, validatePodLevelName, path)...)
	errs = append(errs, c.validateClaimNames(r.Claims, path.Child("claims"))...)
	return append(errs, validateSums(c.spec, path)...)
}

func validatePodLevelName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	if errs := resources.ValidateName(name, path); len(errs) > 0 {
		return errs
	}
	if resourcehelper.IsSupportedPodLevelResource(name) {
		return nil
	}
	return check.OneOf(name, path, sets.List(resourcehelper.SupportedPodLevelResources())...)
}

// validateSums holds that what the containers have fits into what the pod has.
func validateSums(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	pod := &corev1.Pod{Spec: *spec}
	requested := resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range resources.Names(requested) {
		sum := requested[name]
		if whole, ok := spec.Resources.Requests[name]; ok && sum.Cmp(whole) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), whole.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", sum.String())))
		}
	}
	limited := resourcehelper.AggregateContainerLimits(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range resources.Names(limited) {
		sum := limited[name]
		if whole, ok := spec.Resources.Limits[name]; ok && resources.IsHugePages(name) && sum.Cmp(whole) > 0 {
			errs = append(errs, field.Invalid(path.Child("limits").Key(string(name)), whole.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container limits of %s", sum.String())))
		}
	}
	for i := range spec.Containers {
		limits := spec.Containers[i].Resources.Limits
		for _, name := range resources.Names(limits) {
			limit := limits[name]
			if whole, ok := spec.Resources.Limits[name]; ok && limit.Cmp(whole) > 0 {
				errs = append(errs, field.Invalid(path.Child("containers").Index(i).Key(string(name)).Child("limits"), limit.String(),
					fmt.Sprintf("must be less than or equal to pod limits of %s", whole.String())))
			}
		}
	}
	return errs
}
