package pod

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/podspec"
)

// updatable names what may change in the spec of a pod that exists, for people.
var updatable = strings.Join([]string{
	"`spec.containers[*].image`",
	"`spec.initContainers[*].image`",
	"`spec.activeDeadlineSeconds`",
	"`spec.tolerations` (only additions to existing tolerations)",
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
}, ",")

// validatePodUpdate holds that a pod stays what it was made as, but for a few
// fields that can change while it runs.
func validatePodUpdate(obj, old api.Object) field.ErrorList {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	path := field.NewPath("spec")
	errs := validateAnyPod(pod)
	errs = append(errs, validateAnnotationChange(pod, before)...)
	for _, list := range []struct {
		name          string
		now, previous []corev1.Container
	}{
		{"containers", pod.Spec.Containers, before.Spec.Containers},
		{"initContainers", pod.Spec.InitContainers, before.Spec.InitContainers},
	} {
		if len(list.now) != len(list.previous) {
			return append(errs, field.Forbidden(path.Child(list.name), "pod updates may not add or remove containers"))
		}
	}
	problems, stop := validateDeadline(pod.Spec.ActiveDeadlineSeconds, before.Spec.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))
	errs = append(errs, problems...)
	if stop {
		return errs
	}
	errs = append(errs, onlyAddedTolerations(pod.Spec.Tolerations, before.Spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, onlyDeletedGates(pod.Spec.SchedulingGates, before.Spec.SchedulingGates, path.Child("schedulingGates"))...)
	if equality.Semantic.DeepEqual(pod.Spec, before.Spec) {
		return errs
	}
	kept := unchangeable(&pod.Spec, &before.Spec)
	if len(before.Spec.SchedulingGates) > 0 {
		errs = append(errs, narrowPlacement(kept, &before.Spec, path)...)
	}
	if !equality.Semantic.DeepEqual(*kept, before.Spec) {
		errs = append(errs, field.Forbidden(path, fmt.Sprintf("pod updates may not change fields other than %s\n%v", updatable, diff.Diff(api.Internal(before.Spec), api.Internal(*kept)))))
	}
	return errs
}

// validateAnnotationChange keeps the annotations that a pod can only have from
// its beginning.
func validateAnnotationChange(pod, before *corev1.Pod) (errs field.ErrorList) {
	fixed := func(key string) (what string, ok bool) {
		if key == corev1.MirrorPodAnnotationKey {
			return "mirror pod annotation", true
		}
		return "AppArmor annotations", strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
	}
	for _, key := range slices.Sorted(maps.Keys(before.Annotations)) {
		value, ok := pod.Annotations[key]
		if what, isFixed := fixed(key); isFixed && (!ok || value != before.Annotations[key]) {
			errs = append(errs, field.Forbidden(annotations.Key(key), "may not remove or update "+what))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(pod.Annotations)) {
		_, had := before.Annotations[key]
		if what, isFixed := fixed(key); isFixed && !had {
			errs = append(errs, field.Forbidden(annotations.Key(key), "may not add "+what))
		}
	}
	return append(errs, podspec.ValidateAnnotations(pod.Annotations, &pod.Spec, annotations)...)
}

// unchangeable returns spec with the fields that may change as they were before.
func unchangeable(spec, before *corev1.PodSpec) *corev1.PodSpec {
	kept := spec.DeepCopy()
	for i := range kept.Containers {
		kept.Containers[i].Image = before.Containers[i].Image
	}
	for i := range kept.InitContainers {
		kept.InitContainers[i].Image = before.InitContainers[i].Image
	}
	kept.ActiveDeadlineSeconds = before.ActiveDeadlineSeconds
	kept.SchedulingGates = before.SchedulingGates
	kept.Tolerations = before.Tolerations
	if ptr.Deref(before.TerminationGracePeriodSeconds, 0) < 0 && ptr.Deref(spec.TerminationGracePeriodSeconds, 0) == 1 {
		kept.TerminationGracePeriodSeconds = before.TerminationGracePeriodSeconds
	}
	return kept
}

// validateDeadline lets a deadline only come closer. After some mistakes nothing
// else is looked at.
func validateDeadline(now, before *int64, path *field.Path) (errs field.ErrorList, stop bool) {
	switch {
	case now == nil && before == nil:
		return nil, false
	case now == nil:
		return field.ErrorList{field.Invalid(path, now, "must not update from a positive integer to nil value")}, false
	case *now < 0 || *now > math.MaxInt32:
		return field.ErrorList{field.Invalid(path, *now, validation.InclusiveRangeError(0, math.MaxInt32))}, true
	case before != nil && *now > *before:
		return field.ErrorList{field.Invalid(path, *now, "must be less than or equal to previous value")}, true
	}
	return nil, false
}

func onlyAddedTolerations(now, before []corev1.Toleration, path *field.Path) field.ErrorList {
	for _, old := range before {
		found := false
		for _, t := range now {
			// How long a taint is tolerated may change.
			old.TolerationSeconds = t.TolerationSeconds
			if found = equality.Semantic.DeepEqual(old, t); found {
				break
			}
		}
		if !found {
			return field.ErrorList{field.Forbidden(path, "existing toleration can not be modified except its tolerationSeconds")}
		}
	}
	return podspec.ValidateTolerations(now, path)
}

func onlyDeletedGates(now, before []corev1.PodSchedulingGate, path *field.Path) (errs field.ErrorList) {
	existing := sets.New(before...)
	for i, gate := range now {
		if !existing.Has(gate) {
			errs = append(errs, field.Forbidden(path.Index(i).Child("name"), fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", gate.Name)))
		}
	}
	return errs
}
