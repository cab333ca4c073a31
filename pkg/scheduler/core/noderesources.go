package core

import (
	"math"
	"sort"
)

// maxScore is what the best node gets from one plugin.
const maxScore = 100

// nodeResourcesFit is the filter of the NodeResourcesFit plugin: the requests of all
// pods on a node stay within what it can give out. It lists everything that lacks.
func nodeResourcesFit(c *class, n *node) *rejection {
	r := rejection{plugin: nodeResourcesFitName}
	if int64(len(n.pods))+1 > n.maxPods {
		r.reasons = append(r.reasons, "Too many pods")
	}
	check := func(name string, wanted, used, allocatable int64) {
		if wanted > 0 && wanted > allocatable-used {
			r.reasons = append(r.reasons, "Insufficient "+name)
			r.final = r.final || wanted > allocatable
		}
	}
	check("cpu", c.requested.milliCPU, n.requested.milliCPU, n.allocatable.milliCPU)
	check("memory", c.requested.memory, n.requested.memory, n.allocatable.memory)
	check("ephemeral-storage", c.requested.ephemeral, n.requested.ephemeral, n.allocatable.ephemeral)
	extended := len(r.reasons)
	for name, wanted := range c.requested.scalar {
		check(string(name), wanted, n.requested.scalar[name], n.allocatable.scalar[name])
	}
	sort.Strings(r.reasons[extended:])
	if len(r.reasons) == 0 {
		return nil
	}
	return &r
}

// leastAllocated is its score: the mean, over CPU and memory, of the share that would stay
// free.
func leastAllocated(c *class, n *node) int64 {
	var sum, weights int64
	for _, r := range [...]struct{ used, allocatable int64 }{
		{n.scored.milliCPU + c.scored.milliCPU, n.allocatable.milliCPU},
		{n.scored.memory + c.scored.memory, n.allocatable.memory},
	} {
		if r.allocatable == 0 {
			continue
		}
		weights++
		if r.used <= r.allocatable {
			sum += (r.allocatable - r.used) * maxScore / r.allocatable
		}
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

// balancedAllocation is the score of the NodeResourcesBalancedAllocation plugin: high where
// CPU and memory would be used in like measure. Of two numbers the standard deviation is
// half their distance. Pods that request nothing unbalance nothing.
func balancedAllocation(c *class, n *node) int64 {
	if c.requested.milliCPU == 0 && c.requested.memory == 0 {
		return 0
	}
	if n.allocatable.milliCPU == 0 || n.allocatable.memory == 0 {
		return maxScore
	}
	share := func(used, allocatable int64) float64 { return min(1, float64(used)/float64(allocatable)) }
	cpu := share(n.requested.milliCPU+c.requested.milliCPU, n.allocatable.milliCPU)
	memory := share(n.requested.memory+c.requested.memory, n.allocatable.memory)
	return int64((1 - math.Abs(cpu-memory)/2) * maxScore)
}
