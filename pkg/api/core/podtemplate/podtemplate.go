// Package podtemplate is what kinds that make pods from a template have in
// common beside the template's validation (podspec) and defaults (poddefaults):
// how a table shows it, what is unwise in it and what it loses.
package podtemplate

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
	"slowmo/pkg/api/core/podwarnings"
)

// The columns of a table that Cells fills.
var (
	ContainersColumn = api.WideColumn("Containers", "string", "Names of each container in the template.")
	ImagesColumn     = api.WideColumn("Images", "string", "Images referenced by each container in the template.")
)

// Cells returns what a table shows of a template.
func Cells(template *corev1.PodTemplateSpec) (names, images string) {
	var n, i []string
	for _, c := range template.Spec.Containers {
		n, i = append(n, c.Name), append(i, c.Image)
	}
	return strings.Join(n, ","), strings.Join(i, ",")
}

// DropDisabled clears fields of features that are off. A controller may be
// without a template, before or after.
func DropDisabled(template, old *corev1.PodTemplateSpec) {
	if template == nil {
		return
	}
	var before *corev1.PodSpec
	if old != nil {
		before = &old.Spec
	}
	poddefaults.DropDisabled(template.Annotations, &template.Spec, before)
}

// Warnings returns what is allowed but unwise in the template at path.
func Warnings(template *corev1.PodTemplateSpec, path *field.Path) []string {
	return podwarnings.Of(&template.ObjectMeta, &template.Spec, path)
}

// NameWarnings returns what is unwise in the name of an object whose pods, and
// so their hosts, are named after it.
func NameWarnings(name string) []string {
	msgs := validation.IsDNS1123Label(name)
	if len(msgs) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", msgs)}
}
