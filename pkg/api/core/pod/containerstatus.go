package pod

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

// validateContainerStatuses checks as whom containers run, and the devices that
// they were given.
func validateContainerStatuses(pod *corev1.Pod, path *field.Path) (errs field.ErrorList) {
	s := &pod.Status
	normal, first, ephemeral := path.Child("containerStatuses"), path.Child("initContainerStatuses"), path.Child("ephemeralContainerStatuses")
	isWindows := pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows
	errs = append(errs, validateUsers(s.ContainerStatuses, isWindows, normal)...)
	errs = append(errs, validateUsers(s.InitContainerStatuses, isWindows, first)...)
	errs = append(errs, validateUsers(s.EphemeralContainerStatuses, isWindows, ephemeral)...)
	errs = append(errs, validateAllocated(s.ContainerStatuses, pod.Spec.Containers, s.ExtendedResourceClaimStatus, normal)...)
	errs = append(errs, validateAllocated(s.InitContainerStatuses, pod.Spec.InitContainers, s.ExtendedResourceClaimStatus, first)...)
	for i, c := range s.EphemeralContainerStatuses {
		if len(c.AllocatedResourcesStatus) > 0 {
			errs = append(errs, field.Forbidden(ephemeral.Index(i).Child("allocatedResourcesStatus"), "must not be specified in container status"))
		}
	}
	return errs
}

func validateUsers(statuses []corev1.ContainerStatus, isWindows bool, path *field.Path) (errs field.ErrorList) {
	for i, c := range statuses {
		if c.User == nil || c.User.Linux == nil {
			continue
		}
		user, path := c.User.Linux, path.Index(i).Child("user", "linux")
		if isWindows {
			errs = append(errs, field.Forbidden(path, "cannot be set for a windows pod"))
			continue
		}
		if user.UID < 0 || user.UID > math.MaxUint32 {
			errs = append(errs, field.Invalid(path.Child("uid"), user.UID, fmt.Sprintf("must be between 0 and %d, inclusive", int64(math.MaxUint32))))
		}
		errs = append(errs, validateGroup(user.GID, path.Child("gid"))...)
		for g, gid := range user.SupplementalGroups {
			errs = append(errs, validateGroup(gid, path.Child("supplementalGroups").Index(g))...)
		}
	}
	return errs
}

func validateGroup(gid int64, path *field.Path) (errs field.ErrorList) {
	for _, msg := range validation.IsValidGroupID(gid) {
		errs = append(errs, field.Invalid(path, gid, msg))
	}
	return errs
}

// validateAllocated checks what a kubelet says of the health of devices.
//
// https://kep.k8s.io/4680
func validateAllocated(statuses []corev1.ContainerStatus, containers []corev1.Container, extended *corev1.PodExtendedResourceClaimStatus, path *field.Path) (errs field.ErrorList) {
	for i, s := range statuses {
		for j, allocated := range s.AllocatedResourcesStatus {
			at := path.Index(i).Child("allocatedResourcesStatus").Index(j)
			// A status may be of a container that is no more.
			if c := containerNamed(containers, s.Name); c != nil && !isAllocated(allocated.Name, c, extended) {
				message := "must match one of the container's resource requests"
				if len(allocated.Name) >= len(claimPrefix) && allocated.Name[:len(claimPrefix)] == claimPrefix {
					message = "must match one of the container's resource claims as 'claim:<claimName>/<requestName>' when container.resources.claims[*].request is set or 'claim:<claimName>' when it is empty"
				}
				errs = append(errs, field.Invalid(at.Child("name"), allocated.Name, message))
			}
			errs = append(errs, validateHealth(allocated.Resources, at.Child("resources"))...)
		}
	}
	return errs
}

func validateHealth(resources []corev1.ResourceHealth, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceID]()
	for i, r := range resources {
		path := path.Index(i)
		errs = append(errs, check.OneOf(r.Health, path.Child("health"),
			corev1.ResourceHealthStatusHealthy, corev1.ResourceHealthStatusUnhealthy, corev1.ResourceHealthStatusUnknown)...)
		if r.Message != nil && *r.Message == "" {
			errs = append(errs, field.Required(path.Child("message"), "must be non-empty if specified"))
		} else if r.Message != nil && len(*r.Message) > corev1.ResourceHealthMessageMaxLength {
			errs = append(errs, field.TooLong(path.Child("message"), *r.Message, corev1.ResourceHealthMessageMaxLength))
		}
		if seen.Has(r.ResourceID) {
			errs = append(errs, field.Duplicate(path.Child("resourceID"), r.ResourceID))
		}
		seen.Insert(r.ResourceID)
	}
	return errs
}
