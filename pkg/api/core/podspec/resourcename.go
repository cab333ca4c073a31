package podspec

import (
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
