package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// QOSClass returns the quality of service that the pod's requests and limits of
// CPU and memory ask for: Guaranteed if every container has both equal,
// BestEffort if none has any, Burstable otherwise. Resources at pod level
// stand for those of all containers.
//
// https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
func QOSClass(pod *corev1.Pod) corev1.PodQOSClass {
	if resourcehelper.IsPodLevelResourcesSet(pod) {
		return qosOf([]corev1.ResourceRequirements{*pod.Spec.Resources})
	}
	var all []corev1.ResourceRequirements
	for _, c := range pod.Spec.Containers {
		all = append(all, c.Resources)
	}
	for _, c := range pod.Spec.InitContainers {
		all = append(all, c.Resources)
	}
	return qosOf(all)
}

func qosOf(all []corev1.ResourceRequirements) corev1.PodQOSClass {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	everyLimitSet := true
	for _, r := range all {
		addComputable(requests, r.Requests)
		if addComputable(limits, r.Limits) != 2 {
			everyLimitSet = false
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return corev1.PodQOSBestEffort
	}
	if !everyLimitSet || len(requests) != len(limits) {
		return corev1.PodQOSBurstable
	}
	for name, request := range requests {
		if limit, ok := limits[name]; !ok || limit.Cmp(request) != 0 {
			return corev1.PodQOSBurstable
		}
	}
	return corev1.PodQOSGuaranteed
}

// addComputable adds CPU and memory of list to sum, ignoring zeros, and returns
// how many of the two there were.
func addComputable(sum, list corev1.ResourceList) int {
	found := 0
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		quantity, ok := list[name]
		if !ok || quantity.Cmp(resource.Quantity{}) <= 0 {
			continue
		}
		found++
		total := sum[name]
		total.Add(quantity)
		sum[name] = total
	}
	return found
}
