package podwarnings

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/containers"
	"slowmo/pkg/api/core/podsecurity"
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

// AppArmor is the warning about an annotation at key of a new pod, which it gets
// when the annotation becomes a field.
func AppArmor(key string) string {
	return fmt.Sprintf("%s: %s", field.NewPath("metadata", "annotations").Key(key), useAppArmor)
}

// profileWarnings finds annotations that name a profile where the field does
// not. Those for AppArmor still work; of a pod's own AppArmor speaks.
func profileWarnings(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path) (out []string) {
	pod := spec.SecurityContext
	if pod == nil || pod.SeccompProfile == nil {
		out = append(out, annotationWarning(meta, path, podSeccomp, useSeccomp)...)
	}
	for c := range containers.All(spec, nil) {
		own := c.SecurityContext
		if own == nil || own.SeccompProfile == nil {
			out = append(out, annotationWarning(meta, path, containerSeccomp+c.Name, useSeccomp)...)
		}
		if path == nil || own != nil && own.AppArmorProfile != nil {
			continue
		}
		named := podsecurity.AppArmorOf(meta.Annotations[containerAppArmor+c.Name])
		if pod == nil || pod.AppArmorProfile == nil || !equality.Semantic.DeepEqual(pod.AppArmorProfile, named) {
			out = append(out, annotationWarning(meta, path, containerAppArmor+c.Name, useAppArmor)...)
		}
	}
	return out
}
