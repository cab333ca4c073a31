package pod

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// putEphemeralContainers takes the ephemeral containers and nothing else.
func putEphemeralContainers(_ context.Context, parent, body api.Object) error {
	pod, from := parent.(*corev1.Pod), body.(*corev1.Pod)
	pod.Spec.EphemeralContainers = from.Spec.EphemeralContainers
	return nil
}

// validateEphemeralUpdate lets ephemeral containers be added, not changed or removed.
func validateEphemeralUpdate(obj, old api.Object) field.ErrorList {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	if isMirror(before) {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers")}
	}
	path := field.NewPath("spec", "ephemeralContainers")
	errs := validateAnyPod(pod)
	now := map[string]*corev1.EphemeralContainer{}
	for i := range pod.Spec.EphemeralContainers {
		now[pod.Spec.EphemeralContainers[i].Name] = &pod.Spec.EphemeralContainers[i]
	}
	for i := range before.Spec.EphemeralContainers {
		was := &before.Spec.EphemeralContainers[i]
		switch is, ok := now[was.Name]; {
		case !ok:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", was.Name)))
		case !equality.Semantic.DeepEqual(was, is):
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n%v", was.Name, diff.Diff(api.Internal(was), api.Internal(is)))))
		}
	}
	return errs
}

// isMirror reports whether a kubelet made the pod to show one that it has from a file.
func isMirror(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}
