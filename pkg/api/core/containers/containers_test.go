package containers

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestAll(t *testing.T) {
	spec := &corev1.PodSpec{
		InitContainers:      []corev1.Container{{Name: "i"}},
		Containers:          []corev1.Container{{Name: "a"}, {Name: "b"}},
		EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e"}}},
	}
	var got []string
	for c, at := range All(spec, field.NewPath("spec")) {
		got = append(got, c.Name+" "+at.String())
		c.Image = "x"
	}
	want := []string{"i spec.initContainers[0]", "a spec.containers[0]", "b spec.containers[1]", "e spec.ephemeralContainers[0]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if spec.EphemeralContainers[0].Image != "x" {
		t.Error("a change of an ephemeral container is lost")
	}
}
