package claim

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ValidateTemplate answers for the template of a claim that is made with a pod.
//
// https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
func ValidateTemplate(template *corev1.PersistentVolumeClaimTemplate, path *field.Path) field.ErrorList {
	errs := api.ValidateTemplateMeta(&template.ObjectMeta, path.Child("metadata"))
	return append(errs, ValidateSpec(&template.Spec, path.Child("spec"))...)
}
