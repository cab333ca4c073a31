package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TemplateWarnings says what is allowed but unwise in the template at path.
func TemplateWarnings(t *corev1.PodTemplateSpec, path *field.Path) []string {
	return warnings(&t.Spec, path.Child("spec"))
}

func warnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	return out
}
