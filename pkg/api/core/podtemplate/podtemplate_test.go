package podtemplate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestTemplate(t *testing.T) {
	template := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers:       []corev1.Container{{Name: "a", Image: "x:1"}, {Name: "b", Image: "y:2"}},
		ImagePullSecrets: []corev1.LocalObjectReference{{}},
	}}
	if names, images := Cells(template); names != "a,b" || images != "x:1,y:2" {
		t.Errorf("cells %q %q", names, images)
	}
	warnings := Warnings(template, field.NewPath("spec", "template"))
	if len(warnings) != 1 || warnings[0] != `spec.template.spec.imagePullSecrets[0].name: invalid empty name ""` {
		t.Errorf("warnings %q", warnings)
	}
}

func TestNameWarnings(t *testing.T) {
	if got := NameWarnings("a-b"); got != nil {
		t.Errorf("a label: %q", got)
	}
	const want = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
	if got := NameWarnings("a.b"); len(got) != 1 || got[0] != want {
		t.Errorf("a name with a dot: %q", got)
	}
}
