// Package resources knows what can be requested, limited and counted: CPU and
// memory, devices, numbers of objects. It checks their names and amounts.
//
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
package resources

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// isNative reports whether Kubernetes itself defines the resource: its name
// has no domain, or kubernetes.io's.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// isExtended reports whether name is that of a device or the like, which must
// have a name in quotas as well.
func isExtended(name string) bool {
	return !isNative(corev1.ResourceName(name)) && !strings.HasPrefix(name, corev1.DefaultResourceRequestsPrefix) &&
		len(validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+name)) == 0
}

// IsHugePages reports whether name is a size of huge pages.
func IsHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// isContainer reports whether a name without domain is of something that a container can have.
func isContainer(name string) bool {
	switch corev1.ResourceName(name) {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		return true
	}
	return IsHugePages(corev1.ResourceName(name))
}

// amounts are the resources that a quota limits the amount of, not the number.
var amounts = map[corev1.ResourceName]bool{
	corev1.ResourceCPU: true, corev1.ResourceMemory: true, corev1.ResourceEphemeralStorage: true,
	corev1.ResourceRequestsCPU: true, corev1.ResourceRequestsMemory: true, corev1.ResourceRequestsEphemeralStorage: true,
	corev1.ResourceLimitsCPU: true, corev1.ResourceLimitsMemory: true, corev1.ResourceLimitsEphemeralStorage: true,
	corev1.ResourceRequestsStorage: true,
}

// IsQuota reports whether a name without domain exists in quotas.
func IsQuota(name corev1.ResourceName) bool {
	return amounts[name] || isCounted(name) || IsHugePages(name) || IsHugePages(corev1.ResourceName(strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix)))
}

// isCounted reports whether the resource is a number of objects.
func isCounted(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices, corev1.ResourceReplicationControllers,
		corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims,
		corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers:
		return true
	}
	return false
}

// MayOvercommit reports whether a limit may be above its request.
func MayOvercommit(name corev1.ResourceName) bool {
	return isNative(name) && !IsHugePages(name)
}

// IsInteger reports whether amounts of the resource are whole: objects and
// devices, but not CPU and bytes.
func IsInteger(name corev1.ResourceName) bool {
	return isCounted(name) || isExtended(string(name))
}

// Names returns the names in list in a fixed order, so that errors have one.
func Names(list corev1.ResourceList) []corev1.ResourceName {
	return slices.Sorted(maps.Keys(list))
}
