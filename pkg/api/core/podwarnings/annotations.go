package podwarnings

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Annotations that were there before the fields, and that no longer do anything.
var oldAnnotations = []struct{ key, message string }{
	{"scheduler.alpha.kubernetes.io/critical-pod", `non-functional in v1.16+; use the "priorityClassName" field instead`},
	{"security.alpha.kubernetes.io/sysctls", `non-functional in v1.11+; use the "sysctls" field instead`},
	{"security.alpha.kubernetes.io/unsafe-sysctls", `non-functional in v1.11+; use the "sysctls" field instead`},
}

// The annotations for the profiles of containers end with a container's name.
const (
	podSeccomp        = "seccomp.security.alpha.kubernetes.io/pod"
	containerSeccomp  = "container.seccomp.security.alpha.kubernetes.io/"
	containerAppArmor = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix

	useSeccomp  = `non-functional in v1.27+; use the "seccompProfile" field instead`
	useAppArmor = `deprecated since v1.30; use the "appArmorProfile" field instead`
)

func annotationWarnings(meta *metav1.ObjectMeta, path *field.Path) (out []string) {
	for _, old := range oldAnnotations {
		out = append(out, annotationWarning(meta, path, old.key, old.message)...)
	}
	return out
}

func annotationWarning(meta *metav1.ObjectMeta, path *field.Path, key, message string) []string {
	if _, ok := meta.Annotations[key]; !ok {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s", path.Child("metadata", "annotations").Key(key), message)}
}

// profileWarnings finds annotations that name a profile where the field does not.
// Those for AppArmor still work, and a pod is given the field that is missing.
func profileWarnings(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path) (out []string) {
	pod := spec.SecurityContext
	if pod == nil || pod.SeccompProfile == nil {
		out = append(out, annotationWarning(meta, path, podSeccomp, useSeccomp)...)
	}
	for _, c := range containersOf(spec, nil) {
		own := c.SecurityContext
		if own == nil || own.SeccompProfile == nil {
			out = append(out, annotationWarning(meta, path, containerSeccomp+c.Name, useSeccomp)...)
		}
		confined := pod != nil && pod.AppArmorProfile != nil || own != nil && own.AppArmorProfile != nil
		if path != nil && !confined {
			out = append(out, annotationWarning(meta, path, containerAppArmor+c.Name, useAppArmor)...)
		}
	}
	return out
}
