package poddefaults

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"slowmo/pkg/api/core/containers"
	"slowmo/pkg/api/core/resources"
)

// CompleteResources completes the resources of a pod that states some at its own
// level by what its containers have. It runs when a pod is made and resized,
// after admission has added containers.
//
// https://kep.k8s.io/2837
func CompleteResources(spec *corev1.PodSpec) {
	r := spec.Resources
	if r == nil || len(r.Requests)+len(r.Limits) == 0 {
		return
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: spec.Containers, InitContainers: spec.InitContainers}}
	requests := resource.AggregateContainerRequests(pod, resource.PodResourcesOptions{})
	limits := resource.AggregateContainerLimits(pod, resource.PodResourcesOptions{})

	fill(&r.Limits, limits, func(name corev1.ResourceName) bool {
		_, requested := r.Requests[name]
		return resources.IsHugePages(name) && !requested
	})
	fill(&r.Requests, requests, resources.MayOvercommit)
	fill(&r.Requests, r.Limits, func(corev1.ResourceName) bool { return true })
	limitWhatAllLimit(spec, limits)
}

// fill adds to list what it lacks of those in from that are wanted.
func fill(list *corev1.ResourceList, from corev1.ResourceList, wanted func(corev1.ResourceName) bool) {
	for name, quantity := range from {
		if _, ok := (*list)[name]; ok || !resource.IsSupportedPodLevelResource(name) || !wanted(name) {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = quantity.DeepCopy()
	}
}

// limitWhatAllLimit limits, for the pod, what it requests and each of its
// containers has a limit of: to their sum, or the request if that is more.
func limitWhatAllLimit(spec *corev1.PodSpec, sums corev1.ResourceList) {
	r := spec.Resources
	for name, request := range r.Requests {
		sum, ok := sums[name]
		if _, limited := r.Limits[name]; limited || !ok || !allLimit(spec, name) || !resource.IsSupportedPodLevelResource(name) {
			continue
		}
		if request.Cmp(sum) > 0 {
			sum = request
		}
		if r.Limits == nil {
			r.Limits = corev1.ResourceList{}
		}
		r.Limits[name] = sum.DeepCopy()
	}
}

func allLimit(spec *corev1.PodSpec, name corev1.ResourceName) bool {
	for c := range containers.All(spec, nil) {
		if _, ok := c.Resources.Limits[name]; !ok {
			return false
		}
	}
	return true
}
