package pod

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/poddefaults"
)

const immutableResources = "only cpu and memory resources are mutable"

// putPodResize takes the resources of the pod and its containers and nothing
// else. Where the containers are not the same it takes them as they are, for
// validation to refuse.
//
// https://kep.k8s.io/1287
func putPodResize(_ context.Context, parent, body api.Object) error {
	pod, from := parent.(*corev1.Pod), body.(*corev1.Pod)
	if len(from.Spec.Containers) != len(pod.Spec.Containers) || len(from.Spec.InitContainers) != len(pod.Spec.InitContainers) {
		pod.Spec = from.Spec
		return nil
	}
	pod.Spec.Containers = resized(pod.Spec.Containers, from.Spec.Containers)
	pod.Spec.InitContainers = resized(pod.Spec.InitContainers, from.Spec.InitContainers)
	if from.Spec.Resources != nil {
		pod.Spec.Resources = from.Spec.Resources
	}
	poddefaults.CompleteResources(&pod.Spec)
	return nil
}

func resized(containers, from []corev1.Container) []corev1.Container {
	sameName := func(a, b corev1.Container) bool { return a.Name == b.Name }
	if !slices.EqualFunc(containers, from, sameName) {
		return from
	}
	containers = slices.Clone(containers)
	for i := range containers {
		containers[i].Resources, containers[i].ResizePolicy = from[i].Resources, from[i].ResizePolicy
	}
	return containers
}

// validateResize holds that new resources leave a pod what it is to the kubelet.
func validateResize(obj, old api.Object) field.ErrorList {
	pod, before := obj.(*corev1.Pod), old.(*corev1.Pod)
	switch {
	case isMirror(before):
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods cannot be resized")}
	case before.Spec.OS != nil && before.Spec.OS.Name == corev1.Windows:
		return field.ErrorList{field.Forbidden(field.NewPath(""), "windows pods cannot be resized")}
	}
	path := field.NewPath("spec")
	errs := validateAnyPod(pod)
	if before.Status.QOSClass != QOSClass(pod) {
		errs = append(errs, field.Invalid(path, pod.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	if !nodeResizes(before) {
		errs = append(errs, field.Forbidden(path, "Pod running on node without support for resize"))
	}
	kept := pod.Spec.DeepCopy()
	if resourcehelper.IsPodLevelResourcesSet(pod) || resourcehelper.IsPodLevelResourcesSet(before) {
		errs = append(errs, resizePod(kept, &before.Spec, path)...)
	}
	if moved := sameContainers(&pod.Spec, &before.Spec, path); len(moved) > 0 {
		return append(errs, moved...)
	}
	errs = append(errs, keepEntries(pod.Spec.InitContainers, before.Spec.InitContainers, path.Child("initContainers"))...)
	errs = append(errs, keepEntries(pod.Spec.Containers, before.Spec.Containers, path.Child("containers"))...)
	errs = append(errs, resizeContainers(kept, &before.Spec, path)...)
	if !equality.Semantic.DeepEqual(pod.Spec.Volumes, before.Spec.Volumes) {
		errs = append(errs, field.Forbidden(path.Child("volumes"), "volumes are immutable on resize when InPlacePodVerticalScalingMemoryBackedVolumes feature gate is disabled"))
	}
	if len(errs) == 0 && !equality.Semantic.DeepEqual(*kept, before.Spec) {
		errs = append(errs, field.Forbidden(path, immutableResources))
	}
	return errs
}

// nodeResizes reports whether the pod's kubelet says what resources a running
// container has. One that does not cannot change them. Before that nobody knows.
func nodeResizes(pod *corev1.Pod) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running != nil {
			return c.Resources != nil
		}
	}
	return true
}

// resizePod checks resources at the pod's own level, and sets what may change
// back in kept.
func resizePod(kept, before *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	at := path.Child("resources")
	if before.Resources != nil {
		if kept.Resources == nil {
			return field.ErrorList{field.Forbidden(at, "pod-level resources cannot be removed")}
		}
		if lacks(kept.Resources.Requests, before.Resources.Requests) {
			errs = append(errs, field.Forbidden(at.Child("requests"), "pod-level resource requests cannot be removed"))
		}
		if lacks(kept.Resources.Limits, before.Resources.Limits) {
			errs = append(errs, field.Forbidden(at.Child("limits"), "pod-level resource limits cannot be removed"))
		}
	}
	old := before.Resources
	if old == nil {
		old = &corev1.ResourceRequirements{}
	}
	if kept.Resources != nil {
		restoreComputing(kept.Resources, old)
		if before.Resources == nil && len(kept.Resources.Requests)+len(kept.Resources.Limits)+len(kept.Resources.Claims) == 0 {
			kept.Resources = nil
		}
	}
	if !equality.Semantic.DeepEqual(kept.Resources, before.Resources) {
		errs = append(errs, field.Forbidden(path, immutableResources+" at pod-level"))
	}
	return errs
}

// sameContainers holds that containers stay where they are.
func sameContainers(spec, before *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	for _, list := range []struct {
		name    string
		is, was []corev1.Container
	}{{"containers", spec.Containers, before.Containers}, {"initContainers", spec.InitContainers, before.InitContainers}} {
		at := path.Child(list.name)
		if len(list.is) != len(list.was) {
			errs = append(errs, field.Forbidden(at, list.name+" may not be added or removed on resize"))
			continue
		}
		for i := range list.was {
			if list.is[i].Name != list.was[i].Name {
				errs = append(errs, field.Forbidden(at.Index(i).Child("name"), list.name+" may not be renamed or reordered on resize"))
			}
		}
	}
	return errs
}

// keepEntries holds that what was requested or limited is so still.
func keepEntries(is, was []corev1.Container, path *field.Path) (errs field.ErrorList) {
	for i := range was {
		at := path.Index(i).Child("resources")
		if lacks(is[i].Resources.Requests, was[i].Resources.Requests) {
			errs = append(errs, field.Forbidden(at.Child("requests"), "resource requests cannot be removed"))
		}
		if lacks(is[i].Resources.Limits, was[i].Resources.Limits) {
			errs = append(errs, field.Forbidden(at.Child("limits"), "resource limits cannot be removed"))
		}
	}
	return errs
}

func lacks(is, was corev1.ResourceList) bool {
	for name := range was {
		if _, ok := is[name]; !ok {
			return true
		}
	}
	return false
}

// resizeContainers holds that of containers nothing changed but CPU and memory,
// and sets those back in kept.
func resizeContainers(kept, before *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	for i := range kept.Containers {
		c, was := &kept.Containers[i], &before.Containers[i]
		restoreComputing(&c.Resources, &was.Resources)
		if !equality.Semantic.DeepEqual(*c, *was) {
			errs = append(errs, field.Forbidden(path, immutableResources))
		}
	}
	for i := range kept.InitContainers {
		c, was, at := &kept.InitContainers[i], &before.InitContainers[i], path.Child("initContainers").Index(i)
		changed := !equality.Semantic.DeepEqual(*c, *was)
		restoreComputing(&c.Resources, &was.Resources)
		if !equality.Semantic.DeepEqual(*c, *was) {
			errs = append(errs, field.Forbidden(at, "only cpu and memory resources for init or sidecar containers are mutable"))
		}
		if sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways; sidecar || !changed {
			continue
		}
		for _, policy := range c.ResizePolicy {
			if policy.RestartPolicy == corev1.RestartContainer {
				errs = append(errs, field.Forbidden(at, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"))
			}
		}
	}
	return errs
}

// restoreComputing sets CPU and memory to what they were.
func restoreComputing(r, was *corev1.ResourceRequirements) {
	r.Limits, r.Requests = computing(r.Limits, was.Limits), computing(r.Requests, was.Requests)
}

func computing(list, was corev1.ResourceList) corev1.ResourceList {
	if list == nil && was == nil {
		return nil
	}
	restored := corev1.ResourceList{}
	maps.Copy(restored, list)
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		delete(restored, name)
		if quantity, ok := was[name]; ok {
			restored[name] = quantity
		}
	}
	return restored
}
