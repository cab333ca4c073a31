package podwarnings

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Claim returns the warnings about the claim to a volume at path.
func Claim(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) []string {
	resources := path.Child("resources")
	return append(Fractions(spec.Resources.Requests, resources.Child("requests"), corev1.ResourceStorage),
		Fractions(spec.Resources.Limits, resources.Child("limits"), corev1.ResourceStorage)...)
}
