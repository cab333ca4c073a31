package podspec

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// isNative reports whether Kubernetes itself defines the resource: its name
// has no domain, or kubernetes.io's.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// isHugePages reports whether name is a size of huge pages.
func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// mayOvercommit reports whether a limit may be above its request.
func mayOvercommit(name corev1.ResourceName) bool {
	return isNative(name) && !isHugePages(name)
}

// IsInteger reports whether amounts of the resource are whole: all but CPU and
// memory-like ones, whose fractions mean something.
func IsInteger(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices, corev1.ResourceReplicationControllers,
		corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims,
		corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers:
		return true
	}
	return !isNative(name)
}

// SortedNames returns the names in list in a fixed order, so that errors have one.
func SortedNames(list corev1.ResourceList) []corev1.ResourceName {
	return slices.Sorted(maps.Keys(list))
}
