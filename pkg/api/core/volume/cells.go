package volume

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
)

// What the tables of both kinds have in common.

// phase is what a table says of an object's state.
func phase(obj api.Object, phase string) string {
	if obj.GetDeletionTimestamp() != nil {
		return "Terminating"
	}
	return phase
}

// class is the storage class of an object: what the annotation says, which was
// there before the field, else the field.
func class(obj api.Object, field string) string {
	if name, ok := obj.GetAnnotations()[corev1.BetaStorageClassAnnotation]; ok {
		return name
	}
	return field
}

func orUnset[T ~string](value *T) string {
	if value == nil {
		return "<unset>"
	}
	return string(*value)
}

var shortModes = []struct {
	mode  corev1.PersistentVolumeAccessMode
	short string
}{
	{corev1.ReadWriteOnce, "RWO"},
	{corev1.ReadOnlyMany, "ROX"},
	{corev1.ReadWriteMany, "RWX"},
	{corev1.ReadWriteOncePod, "RWOP"},
}

// modes writes access modes in short, "RWO,ROX".
func modes(all []corev1.PersistentVolumeAccessMode) string {
	var short []string
	for _, m := range shortModes {
		if slices.Contains(all, m.mode) {
			short = append(short, m.short)
		}
	}
	return strings.Join(short, ",")
}
