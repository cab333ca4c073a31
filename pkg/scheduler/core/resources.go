package core

import (
	"maps"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// Containers that request nothing are scored as if they used this much, or all of them
// would land on one node. Upstream's figures.
const (
	scoredMilliCPU = 100
	scoredMemory   = 200 * 1024 * 1024
)

// amounts is a set of resource quantities: CPU in thousandths of a core, the rest in
// bytes or pieces.
type amounts struct {
	milliCPU  int64
	memory    int64
	ephemeral int64
	scalar    map[v1.ResourceName]int64 // extended resources and hugepages; nil when there are none
}

func amountsOf(list v1.ResourceList) amounts {
	var a amounts
	for name, quantity := range list {
		switch name {
		case v1.ResourceCPU:
			a.milliCPU = quantity.MilliValue()
		case v1.ResourceMemory:
			a.memory = quantity.Value()
		case v1.ResourceEphemeralStorage:
			a.ephemeral = quantity.Value()
		case v1.ResourcePods: // a node's limit on pods is kept apart
		default:
			if a.scalar == nil {
				a.scalar = map[v1.ResourceName]int64{}
			}
			a.scalar[name] = quantity.Value()
		}
	}
	return a
}

// add adds b, sign times, to a.
func (a *amounts) add(b amounts, sign int64) {
	a.milliCPU += sign * b.milliCPU
	a.memory += sign * b.memory
	a.ephemeral += sign * b.ephemeral
	for name, value := range b.scalar {
		if a.scalar == nil {
			a.scalar = map[v1.ResourceName]int64{}
		}
		a.scalar[name] += sign * value
		if a.scalar[name] == 0 {
			delete(a.scalar, name)
		}
	}
}

func (a amounts) equal(b amounts) bool {
	return a.milliCPU == b.milliCPU && a.memory == b.memory && a.ephemeral == b.ephemeral && maps.Equal(a.scalar, b.scalar)
}

func (a amounts) clone() amounts {
	a.scalar = maps.Clone(a.scalar)
	return a
}

// podRequests returns what the scheduler must set aside for pod, and the same with
// the assumed figures for containers that request nothing.
func podRequests(pod *v1.Pod) (requested, scored amounts) {
	options := resource.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	}
	requested = amountsOf(resource.PodRequests(pod, options))
	options.NonMissingContainerRequests = scoredDefaults
	scored = amountsOf(resource.PodRequests(pod, options))
	return requested, scored
}
