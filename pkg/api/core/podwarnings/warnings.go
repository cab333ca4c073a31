// Package podwarnings says what is allowed but unwise in pods: mostly fields and
// labels that have been replaced, and lists in which a later entry hides an
// earlier one. Clients print it and go on.
//
// https://kubernetes.io/blog/2020/09/03/warnings/
package podwarnings

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/containers"
)

// Of returns the warnings about a pod, or about the template at path. The path of a pod is nil.
func Of(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path) []string {
	at := path.Child("spec")
	out := labelWarnings(spec, at)
	out = append(out, annotationWarnings(meta, path)...)
	out = append(out, volumeWarnings(spec.Volumes, at.Child("volumes"))...)
	out = append(out, overlapWarnings(spec.Volumes)...)
	out = append(out, repeatedWarnings(spec, at)...)
	out = append(out, Fractions(spec.Overhead, at.Child("overhead"), corev1.ResourceMemory, corev1.ResourceEphemeralStorage)...)
	out = append(out, profileWarnings(meta, spec, path)...)
	for c, at := range containers.All(spec, at) {
		out = append(out, containerWarnings(c, at)...)
	}
	out = append(out, portWarnings(spec, at)...)
	out = append(out, portNameWarnings(spec, at)...)
	if grace := spec.TerminationGracePeriodSeconds; grace != nil && *grace < 0 {
		out = append(out, fmt.Sprintf("%s: must be >= 0; negative values are invalid and will be treated as 1", at.Child("terminationGracePeriodSeconds")))
	}
	out = append(out, affinityWarnings(spec.Affinity, at.Child("affinity"))...)
	return append(out, addressWarnings(spec, at)...)
}

// addressWarnings finds addresses that are not written as they should be.
func addressWarnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	if spec.DNSConfig != nil {
		for i, server := range spec.DNSConfig.Nameservers {
			out = append(out, validation.GetWarningsForIP(path.Child("dnsConfig", "nameservers").Index(i), server)...)
		}
	}
	for i, alias := range spec.HostAliases {
		out = append(out, validation.GetWarningsForIP(path.Child("hostAliases").Index(i).Child("ip"), alias.IP)...)
	}
	return out
}

// repeatedWarnings finds what is in a list twice.
func repeatedWarnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	seen := map[string]bool{}
	for i, alias := range spec.HostAliases {
		if seen[alias.IP] {
			out = append(out, fmt.Sprintf("%s: duplicate ip %q", path.Child("hostAliases").Index(i).Child("ip"), alias.IP))
		}
		seen[alias.IP] = true
	}
	clear(seen)
	var empty []string
	for i, secret := range spec.ImagePullSecrets {
		at := path.Child("imagePullSecrets").Index(i).Child("name")
		if seen[secret.Name] {
			out = append(out, fmt.Sprintf("%s: duplicate name %q", at, secret.Name))
		}
		seen[secret.Name] = true
		if secret.Name == "" {
			empty = append(empty, fmt.Sprintf("%s: invalid empty name %q", at, secret.Name))
		}
	}
	return append(out, empty...)
}

// Fractions finds the amounts of bytes in a list that are not whole. names are
// the resources that are counted in bytes.
func Fractions(list corev1.ResourceList, path *field.Path, names ...corev1.ResourceName) (out []string) {
	for _, name := range names {
		if quantity := list[name]; quantity.MilliValue()%1000 != 0 {
			out = append(out, fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer", path.Key(string(name)), quantity.String()))
		}
	}
	return out
}
