package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// Weights of upstream's default profile. Plugins that are not here weigh 1.
const (
	taintWeight    = 3
	affinityWeight = 2
	spreadWeight   = 2
	termWeight     = 2
)

// Decision is where a pod should go, or why nowhere.
type Decision struct {
	// Node is the name of the chosen node, or "".
	Node string
	// Feasible is how many nodes could take the pod, Nodes how many there are.
	Feasible, Nodes int
	// Reasons counts, for each text, the nodes that gave it. Empty where Node is set.
	Reasons map[string]int
	// Plugins are the names of the plugins that gave them, sorted: what must change
	// before another try can go differently.
	Plugins []string
	// Preemption says what taking other pods away would do; see Snapshot.Preempt.
	Preemption string
}

// String is upstream's text: what events and the PodScheduled condition say.
func (d Decision) String() string {
	if d.Node != "" {
		return d.Node
	}
	if d.Nodes == 0 {
		return "no nodes available to schedule pods"
	}
	text := fmt.Sprintf("0/%d nodes are available:", d.Nodes)
	if len(d.Reasons) > 0 {
		text += " " + strings.Join(histogram(d.Reasons), ", ") + "."
	}
	if d.Preemption != "" {
		text += " preemption: " + d.Preemption
	}
	return text
}

func histogram(reasons map[string]int) []string {
	var parts []string
	for reason, count := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", count, reason))
	}
	slices.Sort(parts)
	return parts
}

// scratch is room that decisions reuse: slices by position among the feasible nodes.
type scratch struct {
	feasible      []int32
	total, scores []int64
}

// Decide finds the best node for a pod.
func (s *Snapshot) Decide(p *Pod) Decision {
	c := s.class(p)
	s.filter(c, p)
	d := Decision{Nodes: len(s.order), Feasible: len(s.scratch.feasible)}
	if d.Feasible == 0 {
		s.explain(c, p, &d)
		return d
	}
	s.score(c)
	d.Node = s.order[s.best()].Name
	return d
}

// Suits tells whether the named node by itself could take the pod: what it says when it
// changes. Other nodes and their pods are not asked.
func (s *Snapshot) Suits(p *Pod, name string) bool {
	n := s.nodes[name]
	if n == nil || n.Node == nil {
		return false
	}
	c := class{Pod: p, required: nodeaffinity.GetRequiredNodeAffinity(p.Pod), pinned: pinnedNodes(p.Pod)}
	return c.refusal(n) == nil
}

// filter puts the positions of the nodes that can take the pod into the scratch.
func (s *Snapshot) filter(c *class, p *Pod) {
	s.scratch.feasible = s.scratch.feasible[:0]
	c.prepareSpreads()
	for i := range s.order {
		if s.judge(c, p, i) == nil {
			s.scratch.feasible = append(s.scratch.feasible, int32(i))
		}
	}
}

// judge tells why the node at position i cannot take the pod, nil if it can: neither as it is
// nor, where more important pods are to come, with those.
func (s *Snapshot) judge(c *class, p *Pod, i int) *rejection {
	v := &c.verdicts[i]
	if r := s.rejects(c, i, v, nil); r != nil || len(s.nominated) == 0 {
		return r
	}
	return s.judgeNominated(c, p, i)
}

// rejects completes the verdict of a node by what depends on other nodes.
func (s *Snapshot) rejects(c *class, i int, v *verdict, what *assumption) *rejection {
	if v.rejection != nil || len(c.counters) == 0 {
		return v.rejection
	}
	if r := c.filterSpread(i, what); r != nil {
		return r
	}
	return s.filterTerms(c, i, what)
}

// explain fills in why no node could take the pod.
func (s *Snapshot) explain(c *class, p *Pod, d *Decision) {
	d.Reasons = map[string]int{}
	plugins := map[string]bool{}
	for i := range s.order {
		r := s.judge(c, p, i)
		plugins[r.plugin] = true
		for _, reason := range r.reasons {
			d.Reasons[reason]++
		}
	}
	d.Plugins = slices.Sorted(maps.Keys(plugins))
}

// score sums the weighted scores of the feasible nodes.
func (s *Snapshot) score(c *class) {
	sc := &s.scratch
	n := len(sc.feasible)
	sc.total = slices.Grow(sc.total[:0], n)[:n]
	sc.scores = slices.Grow(sc.scores[:0], n)[:n]
	for f, i := range sc.feasible {
		v := &c.verdicts[i]
		sc.total[f] = v.resources + s.imageLocality(c, s.order[i], v.images)
	}
	for f, i := range sc.feasible {
		sc.scores[f] = c.verdicts[i].taints
	}
	sc.proportion()
	sc.add(-taintWeight) // the fewer the better
	for f, i := range sc.feasible {
		sc.scores[f] = c.verdicts[i].affinity
	}
	sc.proportion()
	sc.add(affinityWeight)
	if len(c.counters) == 0 {
		return
	}
	c.scoreSpreads(sc.feasible, sc.scores)
	sc.add(spreadWeight)
	c.scoreTerms(sc.feasible, sc.scores)
	sc.add(termWeight)
}

// proportion makes the highest of the scores maxScore and the others so much of it as they
// are of the highest.
func (sc *scratch) proportion() {
	high := slices.Max(sc.scores)
	if high == 0 {
		return
	}
	for f := range sc.scores {
		sc.scores[f] = maxScore * sc.scores[f] / high
	}
}

func (sc *scratch) add(weight int64) {
	for f := range sc.total {
		sc.total[f] += weight * sc.scores[f]
	}
}

// best returns the position of the node with the highest total.
func (s *Snapshot) best() int32 {
	sc := &s.scratch
	best := 0
	for f := 1; f < len(sc.total); f++ {
		if sc.total[f] > sc.total[best] || sc.total[f] == sc.total[best] &&
			len(s.order[sc.feasible[f]].pods) < len(s.order[sc.feasible[best]].pods) {
			best = f
		}
	}
	return sc.feasible[best]
}
