package apps

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podtemplate"
)

// templateOf returns the pod template of an object of some kind.
type templateOf func(api.Object) *corev1.PodTemplateSpec

// warnings speaks of templates that are new or that may have changed, and of a
// new object's name where its pods are named after it.
func warnings(template templateOf, namesPods bool) func(ctx context.Context, obj, old api.Object) []string {
	return func(_ context.Context, obj, old api.Object) (out []string) {
		switch {
		case old == nil && namesPods:
			out = podtemplate.NameWarnings(obj.GetName())
		case old != nil && old.GetGeneration() == obj.GetGeneration():
			return nil
		}
		return append(out, podtemplate.Warnings(template(obj), field.NewPath("spec", "template"))...)
	}
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}
