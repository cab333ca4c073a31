package status

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// QOS is the pod's quality of service class.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
func QOS(pod *v1.Pod) v1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	any, guaranteed := false, true
	count := func(r v1.ResourceRequirements) {
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			request, limit := r.Requests[name], r.Limits[name]
			if !request.IsZero() || !limit.IsZero() {
				any = true
			}
			if limit.IsZero() || !sameOrUnset(request, limit) {
				guaranteed = false
			}
		}
	}
	if pod.Spec.Resources != nil {
		count(*pod.Spec.Resources)
	} else {
		for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
			for i := range list {
				count(list[i].Resources)
			}
		}
	}
	switch {
	case !any:
		return v1.PodQOSBestEffort
	case guaranteed:
		return v1.PodQOSGuaranteed
	}
	return v1.PodQOSBurstable
}

func sameOrUnset(request, limit resource.Quantity) bool {
	return request.IsZero() || request.Cmp(limit) == 0
}
