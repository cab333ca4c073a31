package spec

import (
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cgroup"
	"slowmo/pkg/kubelet/status"
)

// The OOM scores of upstream's classes.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior
const (
	oomGuaranteed = -997
	oomBestEffort = 1000
	oomMin        = 2   // of Burstable: above all that is guaranteed
	oomMax        = 999 // of Burstable: below BestEffort
)

// Resources are a container's cgroup limits. memoryCapacity is the node's,
// in bytes: the OOM score depends on the share that was requested.
func Resources(pod *v1.Pod, c *v1.Container, memoryCapacity int64) *runtimeapi.LinuxContainerResources {
	requests, limits := c.Resources.Requests, c.Resources.Limits
	r := &runtimeapi.LinuxContainerResources{
		CpuShares:      cgroup.Shares(requests.Cpu(), limits.Cpu()),
		CpuPeriod:      cgroup.Period,
		OomScoreAdj:    oomScore(pod, c, memoryCapacity),
		HugepageLimits: hugepageLimits(limits),
	}
	if quota := cgroup.Quota(limits.Cpu()); quota > 0 {
		r.CpuQuota = quota
	}
	if memory := limits.Memory().Value(); memory > 0 {
		r.MemoryLimitInBytes = memory
	}
	return r
}

func hugepageLimits(limits v1.ResourceList) []*runtimeapi.HugepageLimit {
	var list []*runtimeapi.HugepageLimit
	for name, q := range limits {
		if size, ok := cgroup.HugepageSize(name); ok {
			list = append(list, &runtimeapi.HugepageLimit{PageSize: size, Limit: uint64(q.Value())})
		}
	}
	return list
}

func oomScore(pod *v1.Pod, c *v1.Container, memoryCapacity int64) int64 {
	if pod.Spec.PriorityClassName == "system-node-critical" {
		return oomGuaranteed
	}
	switch status.QOS(pod) {
	case v1.PodQOSGuaranteed:
		return oomGuaranteed
	case v1.PodQOSBestEffort:
		return oomBestEffort
	}
	if memoryCapacity <= 0 {
		return oomMax
	}
	score := 1000 - 1000*c.Resources.Requests.Memory().Value()/memoryCapacity
	return max(oomMin+1, min(score, oomMax))
}
