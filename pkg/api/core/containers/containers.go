// Package containers goes through all containers of a pod: those that run
// first, those that do its work and those that were added to look at it.
package containers

import (
	"iter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// All yields each container of the spec at path, and where it is. Ephemeral
// containers come as ordinary ones: the API promises that both have the same
// fields. What is changed in a container is changed in the spec.
func All(spec *corev1.PodSpec, path *field.Path) iter.Seq2[*corev1.Container, *field.Path] {
	return func(yield func(*corev1.Container, *field.Path) bool) {
		at := path.Child("initContainers")
		for i := range spec.InitContainers {
			if !yield(&spec.InitContainers[i], at.Index(i)) {
				return
			}
		}
		at = path.Child("containers")
		for i := range spec.Containers {
			if !yield(&spec.Containers[i], at.Index(i)) {
				return
			}
		}
		at = path.Child("ephemeralContainers")
		for i := range spec.EphemeralContainers {
			if !yield((*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon), at.Index(i)) {
				return
			}
		}
	}
}
