package core

import "math"

var (
	lonely   = &rejection{plugin: interPodAffinityName, reasons: []string{"node(s) didn't match pod affinity rules"}, final: true}
	averse   = &rejection{plugin: interPodAffinityName, reasons: []string{"node(s) didn't match pod anti-affinity rules"}}
	unwanted = &rejection{plugin: interPodAffinityName, reasons: []string{"node(s) didn't satisfy existing pods anti-affinity rules"}}
)

// requiredByOthers is the weight with which a pod that requires affinity to this one draws
// it near: upstream's hardPodAffinityWeight.
const requiredByOthers = 1

// What the counters of this plugin count, each by topology domain.
const (
	matchesAffinity = "affinity"      // pods that all required terms of the class select
	matchesAnti     = "anti-affinity" // pods that one required anti-affinity term selects
	refusedBy       = "refused"       // pods whose anti-affinity selects the class
	drawnTo         = "preferred"     // weights of terms, the class's and others', that match
)

// newTermCounters makes the counters that a class always has. Those for the terms of other
// pods are made when such a pod is met.
func (s *Snapshot) newTermCounters(c *class) {
	for i := range c.affinity {
		s.counter(c, topic{matchesAffinity, i, c.affinity[i].topologyKey})
	}
	for i := range c.antiAffinity {
		s.counter(c, topic{matchesAnti, i, c.antiAffinity[i].topologyKey})
	}
}

// countTerms adds what the pods on the node mean to the class and it to them.
func (s *Snapshot) countTerms(c *class, n *node, v *verdict) {
	if c.hasTerms() {
		for _, other := range n.pods {
			s.countOwnTerms(c, other, v)
		}
	}
	for _, other := range n.withTerms {
		s.countOthersTerms(c, other, v)
	}
}

func (s *Snapshot) countOwnTerms(c *class, other *Pod, v *verdict) {
	namespace := s.namespaces[other.Namespace]
	if matchesAll(c.affinity, other.Pod, namespace) {
		for i := range c.affinity {
			v.count(s.counter(c, topic{matchesAffinity, i, c.affinity[i].topologyKey}), 1)
		}
	}
	for i := range c.antiAffinity {
		if c.antiAffinity[i].matches(other.Pod, namespace) {
			v.count(s.counter(c, topic{matchesAnti, i, c.antiAffinity[i].topologyKey}), 1)
		}
	}
	for i := range c.preferred {
		if t := &c.preferred[i]; t.matches(other.Pod, namespace) {
			v.count(s.counter(c, topic{drawnTo, 0, t.topologyKey}), t.weight)
		}
	}
}

func (s *Snapshot) countOthersTerms(c *class, other *Pod, v *verdict) {
	namespace := s.namespaces[c.Namespace]
	for i := range other.antiAffinity {
		if t := &other.antiAffinity[i]; t.matches(c.Pod.Pod, namespace) {
			v.count(s.counter(c, topic{refusedBy, 0, t.topologyKey}), 1)
		}
	}
	for i := range other.affinity {
		if t := &other.affinity[i]; t.matches(c.Pod.Pod, namespace) {
			v.count(s.counter(c, topic{drawnTo, 0, t.topologyKey}), requiredByOthers)
		}
	}
	for i := range other.preferred {
		if t := &other.preferred[i]; t.matches(c.Pod.Pod, namespace) {
			v.count(s.counter(c, topic{drawnTo, 0, t.topologyKey}), t.weight)
		}
	}
}

// filterTerms is the filter of the InterPodAffinity plugin on the node at position i
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/).
func (s *Snapshot) filterTerms(c *class, i int, what *assumption) *rejection {
	if !s.satisfiesAffinity(c, i, what) {
		return lonely
	}
	refused := (*rejection)(nil)
	for t := range c.counters {
		switch c.topics[t].what {
		case matchesAnti:
			if c.there(t, i, what) > 0 {
				return averse
			}
		case refusedBy:
			if c.there(t, i, what) > 0 {
				refused = unwanted
			}
		}
	}
	return refused
}

// satisfiesAffinity tells whether the node's domains have what the class must be near. The
// first of a group that wants to be near itself may go anywhere.
func (s *Snapshot) satisfiesAffinity(c *class, i int, what *assumption) bool {
	near, anywhere := true, true
	for t := range c.counters {
		if c.topics[t].what != matchesAffinity {
			continue
		}
		if c.counters[t].domain[i] < 0 {
			return false
		}
		near = near && c.there(t, i, what) > 0
		anywhere = anywhere && c.counters[t].total+what.diff(t) == 0
	}
	return near || anywhere && matchesAll(c.affinity, c.Pod.Pod, s.namespaces[c.Namespace])
}

// scoreTerms fills scores, by position in feasible, with the plugin's score.
func (c *class) scoreTerms(feasible []int32, scores []int64) {
	clear(scores)
	for t, counter := range c.counters {
		if c.topics[t].what != drawnTo {
			continue
		}
		for f, i := range feasible {
			if d := counter.domain[i]; d >= 0 {
				scores[f] += counter.sums[d]
			}
		}
	}
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	for _, score := range scores {
		low, high = min(low, score), max(high, score)
	}
	for f := range scores {
		if high > low {
			scores[f] = maxScore * (scores[f] - low) / (high - low)
		} else {
			scores[f] = 0
		}
	}
}
