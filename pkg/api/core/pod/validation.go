package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podsecurity"
	"slowmo/pkg/api/core/podspec"
)

func validatePod(obj api.Object) field.ErrorList {
	pod := obj.(*corev1.Pod)
	spec := field.NewPath("spec")
	errs := validateAnyPod(pod)
	if len(pod.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(spec.Child("ephemeralContainers"), "cannot be set on create"))
	}
	if pod.Spec.NodeName != "" && len(pod.Spec.SchedulingGates) > 0 {
		errs = append(errs, field.Forbidden(spec.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return append(errs, podsecurity.Agreement(pod.Annotations, &pod.Spec, spec)...)
}

// annotations is where a pod's annotations are.
var annotations = field.NewPath("metadata", "annotations")

// validateAnyPod checks what holds for a pod at any time.
func validateAnyPod(pod *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := podspec.ValidateAnnotations(pod.Annotations, &pod.Spec, annotations)
	errs = append(errs, podspec.Validate(&pod.ObjectMeta, &pod.Spec, path)...)
	errs = append(errs, podspec.ValidateIdentity(&pod.Spec, path)...)
	errs = append(errs, validateImages(pod.Spec.Containers, path.Child("containers"))...)
	return append(errs, validateImages(pod.Spec.InitContainers, path.Child("initContainers"))...)
}

func validateImages(containers []corev1.Container, path *field.Path) (errs field.ErrorList) {
	for i := range containers {
		errs = append(errs, podspec.ValidateImage(&containers[i], path.Index(i).Child("image"))...)
	}
	return errs
}
