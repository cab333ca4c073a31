package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateOverhead checks what a runtime needs beside a pod's containers. Like
// upstream it treats the amounts as limits, which shows in the paths.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-overhead/
func ValidateOverhead(amounts corev1.ResourceList, path *field.Path) field.ErrorList {
	return (&checker{}).validateResources(&corev1.ResourceRequirements{Limits: amounts}, path)
}
