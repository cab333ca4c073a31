package pods

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/status"
)

// memorySignal is what a shortage of memory is called.
const memorySignal = "memory.available"

// EvictForMemory ends the pod that should go first when the node runs short of
// memory, if there is one that may. The node calls it until the shortage is over.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
func (m *Manager) EvictForMemory(ctx context.Context) error {
	used, err := m.memory(ctx)
	if err != nil {
		return err
	}
	pod := victim(m.Show(), used)
	if pod == nil {
		return nil
	}
	w := m.worker(pod.UID)
	if w == nil {
		return nil // it is gone already
	}
	v := status.Verdict{Reason: events.Evicted, Message: fmt.Sprintf(
		"The node was low on resource: memory. Pod was using %s, request is %s. ",
		resource.NewQuantity(used[pod.UID], resource.BinarySI), requestedMemory(pod))}
	m.Recorder.Event(events.Pod(pod), v1.EventTypeWarning, v.Reason, v.Message)
	m.Metrics.evictions.WithLabelValues(memorySignal).Inc()
	w.evict(v)
	return nil
}

// memory is the working set of each pod, in bytes.
func (m *Manager) memory(ctx context.Context) (map[types.UID]int64, error) {
	answer, err := m.Runtime.ListContainerStats(ctx, &runtimeapi.ListContainerStatsRequest{})
	if err != nil {
		return nil, err
	}
	used := map[types.UID]int64{}
	for _, c := range answer.Stats {
		used[types.UID(c.GetAttributes().GetLabels()[cri.PodUIDLabel])] += int64(c.GetMemory().GetWorkingSetBytes().GetValue())
	}
	return used, nil
}

// systemCritical is the least priority of pods that the node cannot do without.
const systemCritical = 2_000_000_000

// victim is the pod to evict: of those that use more than they asked for, then of
// the others, the one of least priority that is farthest above its request.
func victim(pods []*v1.Pod, used map[types.UID]int64) *v1.Pod {
	candidates := slices.DeleteFunc(slices.Clone(pods), func(p *v1.Pod) bool {
		return used[p.UID] == 0 || terminal(p) || p.DeletionTimestamp != nil || priority(p) >= systemCritical
	})
	if len(candidates) == 0 {
		return nil
	}
	excess := func(p *v1.Pod) int64 { return used[p.UID] - requestedMemory(p).Value() }
	within := func(p *v1.Pod) int {
		if excess(p) > 0 {
			return 0
		}
		return 1
	}
	return slices.MinFunc(candidates, func(a, b *v1.Pod) int {
		return cmp.Or(cmp.Compare(within(a), within(b)), cmp.Compare(priority(a), priority(b)), cmp.Compare(excess(b), excess(a)))
	})
}

func requestedMemory(pod *v1.Pod) *resource.Quantity {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	return requests.Memory()
}

func priority(pod *v1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}
