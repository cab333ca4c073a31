package core

import (
	"math"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

var (
	skewed    = &rejection{plugin: podTopologySpreadName, reasons: []string{"node(s) didn't match pod topology spread constraints"}}
	unlabeled = &rejection{plugin: podTopologySpreadName, reasons: []string{"node(s) didn't match pod topology spread constraints (missing required label)"}, final: true}
)

// spread is one topology spread constraint of a class
// (https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/).
type spread struct {
	hard       bool // DoNotSchedule
	key        string
	maxSkew    int64
	minDomains int64
	selector   labels.Selector
	owner      types.UID // instead of the selector, in the defaults
	self       int64     // 1 when the pod itself is among those it counts

	ignoreAffinity bool // count nodes that the pod's node affinity excludes
	honorTaints    bool // do not count nodes whose taints it does not tolerate

	// Each is a position in class.counters: the pods that count, and the nodes
	// they may count on. A domain exists where there are such nodes.
	matched, members int

	least int64 // of the decision under way: see prepareSpreads
}

// defaultSpreads apply to a pod that brings none. Upstream counts the pods that the same
// Services and controller select; those of the same controller are the same pods wherever
// there is a controller, and need no watch on four more kinds.
func defaultSpreads(owner types.UID) []spread {
	return []spread{
		{key: v1.LabelHostname, maxSkew: 3, owner: owner, self: 1},
		{key: v1.LabelTopologyZone, maxSkew: 5, owner: owner, self: 1},
	}
}

func (s *Snapshot) newSpreads(c *class) []spread {
	var list []spread
	for i := range c.Spec.TopologySpreadConstraints {
		list = append(list, newSpread(c.Pod.Pod, &c.Spec.TopologySpreadConstraints[i]))
	}
	if list == nil && c.owner != "" {
		list = defaultSpreads(c.owner)
	}
	for i := range list {
		list[i].matched = s.counter(c, topic{"spread", i, list[i].key})
		list[i].members = s.counter(c, topic{"spread nodes", i, list[i].key})
	}
	return list
}

func newSpread(p *v1.Pod, from *v1.TopologySpreadConstraint) spread {
	sp := spread{
		hard:           from.WhenUnsatisfiable == v1.DoNotSchedule,
		key:            from.TopologyKey,
		maxSkew:        int64(from.MaxSkew),
		minDomains:     1,
		ignoreAffinity: from.NodeAffinityPolicy != nil && *from.NodeAffinityPolicy == v1.NodeInclusionPolicyIgnore,
		honorTaints:    from.NodeTaintsPolicy != nil && *from.NodeTaintsPolicy == v1.NodeInclusionPolicyHonor,
	}
	if from.MinDomains != nil {
		sp.minDomains = int64(*from.MinDomains)
	}
	selector, err := metav1.LabelSelectorAsSelector(from.LabelSelector)
	if err != nil {
		selector = labels.Nothing() // validation lets none through
	}
	for _, key := range from.MatchLabelKeys {
		if value, ok := p.Labels[key]; ok {
			if r, err := labels.NewRequirement(key, "in", []string{value}); err == nil {
				selector = selector.Add(*r)
			}
		}
	}
	sp.selector = selector
	if selector.Matches(labels.Set(p.Labels)) {
		sp.self = 1
	}
	return sp
}

// countSpreads adds what the node contributes to each constraint.
func (s *Snapshot) countSpreads(c *class, n *node, v *verdict) {
	for i := range c.spreads {
		sp := &c.spreads[i]
		if !c.spreadsOver(sp, n) {
			continue
		}
		v.count(sp.members, 1)
		for _, p := range n.pods {
			if sp.counts(c, p) {
				v.count(sp.matched, 1)
			}
		}
	}
}

// spreadsOver tells whether the node takes part in a constraint. All constraints of a kind
// must find their labels on it, so that they speak of the same nodes.
func (c *class) spreadsOver(sp *spread, n *node) bool {
	if sp.owner == "" {
		for i := range c.spreads {
			if _, ok := n.Labels[c.spreads[i].key]; !ok && c.spreads[i].hard == sp.hard {
				return false
			}
		}
	}
	if !sp.ignoreAffinity && nodeAffinity(c, n) != nil {
		return false
	}
	return !sp.honorTaints || taintToleration(c, n) == nil
}

func (sp *spread) counts(c *class, p *Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	if sp.owner != "" {
		return p.owner == sp.owner
	}
	return p.Namespace == c.Namespace && sp.selector.Matches(labels.Set(p.Labels))
}

// filterSpread is the plugin's filter on the node at position i. A domain must not get further
// ahead of the emptiest one than maxSkew allows.
func (c *class) filterSpread(i int, what *assumption) *rejection {
	for k := range c.spreads {
		sp := &c.spreads[k]
		if !sp.hard {
			continue
		}
		domain := c.counters[sp.matched].domain[i]
		if domain < 0 {
			return unlabeled
		}
		there := c.counters[sp.matched].sums[domain] + what.diff(sp.matched)
		if there+sp.self-c.emptiest(sp, domain, what) > sp.maxSkew {
			return skewed
		}
	}
	return nil
}

// emptiest returns the least number of counted pods in any domain; what is assumed is
// assumed of the given one.
func (c *class) emptiest(sp *spread, domain int32, what *assumption) int64 {
	if what == nil {
		return sp.least
	}
	least, domains := int64(math.MaxInt64), int64(0)
	matched, members := c.counters[sp.matched], c.counters[sp.members]
	for d := range matched.sums {
		if members.sums[d] == 0 {
			continue
		}
		count := matched.sums[d]
		if int32(d) == domain {
			count += what.diff(sp.matched)
		}
		domains++
		least = min(least, count)
	}
	if domains == 0 || domains < sp.minDomains {
		return 0
	}
	return least
}

// prepareSpreads computes once what every node is then compared with.
func (c *class) prepareSpreads() {
	for i := range c.spreads {
		if sp := &c.spreads[i]; sp.hard {
			sp.least = c.emptiest(sp, -1, &assumption{})
		}
	}
}

// scoreSpreads fills scores, by position in feasible, with the plugin's score: soft
// constraints, each weighed by the number of domains so that many small ones count like
// few large ones.
func (c *class) scoreSpreads(feasible []int32, scores []int64) {
	clear(scores)
	raw := make([]float64, len(feasible))
	ignored := make([]bool, len(feasible))
	soft := false
	for k := range c.spreads {
		sp := &c.spreads[k]
		if sp.hard {
			continue
		}
		soft = true
		counter := c.counters[sp.matched]
		weight := math.Log(float64(counter.inUse(feasible) + 2))
		for f, i := range feasible {
			if d := counter.domain[i]; d >= 0 {
				raw[f] += float64(counter.sums[d])*weight + float64(sp.maxSkew-1)
			} else if sp.owner == "" {
				ignored[f] = true
			}
		}
	}
	if !soft {
		return
	}
	low, high := int64(math.MaxInt64), int64(0)
	for f := range feasible {
		scores[f] = int64(math.Round(raw[f]))
		if !ignored[f] {
			low, high = min(low, scores[f]), max(high, scores[f])
		}
	}
	for f := range feasible {
		switch {
		case ignored[f]:
			scores[f] = 0
		case high == 0:
			scores[f] = maxScore
		default:
			scores[f] = maxScore * (high + low - scores[f]) / high
		}
	}
}

// inUse returns the number of domains that the nodes at these positions are in.
func (t *topology) inUse(positions []int32) int {
	seen, n := make([]bool, t.domains), 0
	for _, i := range positions {
		if d := t.domain[i]; d >= 0 && !seen[d] {
			seen[d] = true
			n++
		}
	}
	return n
}
