package pod

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
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
	errs = append(errs, validateDeadline(pod.Spec.ActiveDeadlineSeconds, before.Spec.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	errs = append(errs, onlyAddedTolerations(pod.Spec.Tolerations, before.Spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, onlyDeletedGates(pod.Spec.SchedulingGates, before.Spec.SchedulingGates, path.Child("schedulingGates"))...)

	kept := unchangeable(&pod.Spec, &before.Spec)
	if len(before.Spec.SchedulingGates) > 0 {
		errs = append(errs, narrowPlacement(kept, &before.Spec, path)...)
	}
	if !equality.Semantic.DeepEqual(*kept, before.Spec) {
		errs = append(errs, field.Forbidden(path, fmt.Sprintf("pod updates may not change fields other than %s\n%v", updatable, diff.Diff(*kept, before.Spec))))
	}
	return errs
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

// validateDeadline lets a deadline only come closer.
func validateDeadline(now, before *int64, path *field.Path) field.ErrorList {
	switch {
	case before == nil:
		return nil
	case now == nil:
		return field.ErrorList{field.Invalid(path, now, "must not update from a positive integer to nil value")}
	case *now > *before:
		return field.ErrorList{field.Invalid(path, *now, "must be less than or equal to previous value")}
	}
	return nil
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

// narrowPlacement lets a pod that is not scheduled yet be bound to fewer nodes:
// its node selector may grow and affinity to nodes be added. It sets what it
// allows back in kept.
//
// https://kep.k8s.io/3838
func narrowPlacement(kept, before *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	for key, value := range before.NodeSelector {
		if v, ok := kept.NodeSelector[key]; !ok || v != value {
			errs = append(errs, field.Invalid(path.Child("nodeSelector"), kept.NodeSelector, "only additions are allowed (no mutations or deletions)"))
			break
		}
	}
	kept.NodeSelector = before.NodeSelector
	if before.Affinity == nil || before.Affinity.NodeAffinity == nil {
		if kept.Affinity != nil {
			kept.Affinity.NodeAffinity = nil
			if before.Affinity == nil && equality.Semantic.DeepEqual(*kept.Affinity, corev1.Affinity{}) {
				kept.Affinity = nil
			}
		}
	}
	return errs
}

// validateEphemeralUpdate lets ephemeral containers be added, not changed or removed.
func validateEphemeralUpdate(obj, old api.Object) field.ErrorList {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
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
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n%v", was.Name, diff.Diff(was, is))))
		}
	}
	return errs
}

// validateResize holds that new resources leave a pod what it is to the kubelet.
func validateResize(obj, old api.Object) field.ErrorList {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	path := field.NewPath("spec")
	errs := validateAnyPod(pod)
	if class := QOSClass(pod); class != before.Status.QOSClass {
		errs = append(errs, field.Invalid(path, class, "Pod QOS Class may not change as a result of resizing"))
	}
	for i := range pod.Spec.Containers {
		if !onlyComputeChanged(&pod.Spec.Containers[i].Resources, &before.Spec.Containers[i].Resources) {
			errs = append(errs, field.Forbidden(path, "only cpu and memory resources are mutable"))
			break
		}
	}
	return errs
}

func onlyComputeChanged(now, before *corev1.ResourceRequirements) bool {
	others := func(list corev1.ResourceList) corev1.ResourceList {
		kept := corev1.ResourceList{}
		for name, quantity := range list {
			if name != corev1.ResourceCPU && name != corev1.ResourceMemory {
				kept[name] = quantity
			}
		}
		return kept
	}
	return equality.Semantic.DeepEqual(others(now.Limits), others(before.Limits)) &&
		equality.Semantic.DeepEqual(others(now.Requests), others(before.Requests)) &&
		equality.Semantic.DeepEqual(now.Claims, before.Claims)
}
