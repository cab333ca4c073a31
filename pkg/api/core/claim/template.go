package claim

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateTemplate answers for the template of a claim that is made with a pod.
//
// https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
func ValidateTemplate(template *corev1.PersistentVolumeClaimTemplate, path *field.Path) field.ErrorList {
	meta := path.Child("metadata")
	errs := apivalidation.ValidateAnnotations(template.Annotations, meta.Child("annotations"))
	errs = append(errs, metav1validation.ValidateLabels(template.Labels, meta.Child("labels"))...)
	// Whoever sets anything else expects what will not happen.
	for v, i := reflect.ValueOf(template.ObjectMeta), 0; i < v.NumField(); i++ {
		switch name := v.Type().Field(i).Name; {
		case name == "Annotations", name == "Labels", v.Field(i).IsZero():
		default:
			errs = append(errs, field.Forbidden(meta.Child(strings.ToLower(name[:1])+name[1:]), "cannot be set"))
		}
	}
	return append(errs, ValidateSpec(&template.Spec, path.Child("spec"))...)
}
