package apps

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// The columns of kinds that have a pod template.
var (
	containersColumn = api.WideColumn("Containers", "string", "Names of each container in the template.")
	imagesColumn     = api.WideColumn("Images", "string", "Images referenced by each container in the template.")
)

func templateCells(template *corev1.PodTemplateSpec) (names, images string) {
	var n, i []string
	for _, c := range template.Spec.Containers {
		n, i = append(n, c.Name), append(i, c.Image)
	}
	return strings.Join(n, ","), strings.Join(i, ",")
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}
