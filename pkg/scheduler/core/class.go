package core

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// maxClasses bounds what is remembered; the class that was asked for longest ago goes
// first. A class costs about 100 bytes a node.
const maxClasses = 32

// class is the pods that no plugin can tell apart, and what each node answered to
// them.
type class struct {
	*Pod // one of them
	key  string

	required  nodeaffinity.RequiredNodeAffinity
	nodeTerms *nodeaffinity.PreferredSchedulingTerms // nil when there are none
	pinned    map[string]bool                        // the only nodes that required can select by name; nil: any
	images    []string                               // normalized names, one a container
	spreads   []spread

	counters []*counter
	topics   []topic       // what the counter at the same position counts
	byTopic  map[topic]int // the reverse

	// verdicts are by position in Snapshot.order. One holds while its
	// generation is that of the node.
	verdicts []verdict
}

// verdict is what one node by itself answers to a class.
type verdict struct {
	generation uint64
	rejection  *rejection // of the first local filter that refused; nil: none did

	resources int64  // score of the plugins that need no other node to compare with
	taints    int64  // PreferNoSchedule taints that are not tolerated
	affinity  int64  // weight of the preferred node affinity terms that match
	images    uint64 // a bit for each of the class's images that are present

	// counts is what the node adds to each of the class's counters. It may be shorter
	// than those: the rest are zero.
	counts []int64
}

// topic is what a counter counts.
type topic struct {
	what  string
	index int    // which constraint or term of the class
	key   string // topology key
}

// counter sums what nodes contribute, by topology domain.
type counter struct {
	*topology
	sums  []int64 // by domain
	total int64   // over all domains
}

// classes remembers the most recently used ones, newest first.
type classes struct{ list []*class }

// class returns the class of p with every verdict up to date.
func (s *Snapshot) class(p *Pod) *class {
	key := s.signature(p)
	at := slices.IndexFunc(s.classes.list, func(c *class) bool { return c.key == key })
	var c *class
	if at >= 0 {
		c = s.classes.list[at]
		s.classes.list = slices.Delete(s.classes.list, at, at+1)
	} else {
		c = s.newClass(p, key)
	}
	s.classes.list = slices.Insert(s.classes.list, 0, c)
	if len(s.classes.list) > maxClasses {
		s.classes.list = s.classes.list[:maxClasses]
	}
	s.refresh(c)
	return c
}

func (s *Snapshot) newClass(p *Pod, key string) *class {
	c := &class{
		Pod:      p,
		key:      key,
		required: nodeaffinity.GetRequiredNodeAffinity(p.Pod),
		pinned:   pinnedNodes(p.Pod),
		images:   podImages(p.Pod),
		byTopic:  map[topic]int{},
		verdicts: make([]verdict, len(s.ordered())),
	}
	c.nodeTerms = preferredNodes(p.Pod)
	c.spreads = s.newSpreads(c)
	s.newTermCounters(c)
	return c
}

// refresh asks again every node that changed since the class was last used.
func (s *Snapshot) refresh(c *class) {
	for i, n := range s.ordered() {
		if old := &c.verdicts[i]; old.generation != n.generation {
			v := s.ask(c, n)
			c.recount(i, old.counts, v.counts)
			*old = v
		}
	}
}

// ask lets one node answer.
func (s *Snapshot) ask(c *class, n *node) verdict {
	v := verdict{generation: n.generation, rejection: c.refusal(n)}
	if v.rejection == nil {
		v.resources = leastAllocated(c, n) + balancedAllocation(c, n)
		v.taints = intolerablePreferences(c, n)
		v.affinity = preferredNodeScore(c, n)
		v.images = presentImages(c, n)
	}
	// A node that cannot take the pod counts for others all the same.
	s.countSpreads(c, n, &v)
	s.countTerms(c, n, &v)
	return v
}

// counter returns the position of the counter for t, making it if it is new.
func (s *Snapshot) counter(c *class, t topic) int {
	at, ok := c.byTopic[t]
	if !ok {
		at = len(c.counters)
		topology := s.topology(t.key)
		c.counters = append(c.counters, &counter{topology: topology, sums: make([]int64, topology.domains)})
		c.topics = append(c.topics, t)
		c.byTopic[t] = at
	}
	return at
}

// count adds amount to what the node contributes to counter k.
func (v *verdict) count(k int, amount int64) {
	for len(v.counts) <= k {
		v.counts = append(v.counts, 0)
	}
	v.counts[k] += amount
}

// recount replaces the contribution of the node at position i.
func (c *class) recount(i int, before, after []int64) {
	for k, counter := range c.counters {
		diff := at(after, k) - at(before, k)
		domain := counter.domain[i]
		if diff == 0 || domain < 0 {
			continue
		}
		counter.sums[domain] += diff
		counter.total += diff
	}
}

// there returns what counter k has in the domain of the node at position i, 0 where the
// node is in none.
func (c *class) there(k, i int, what *assumption) int64 {
	domain := c.counters[k].domain[i]
	if domain < 0 {
		return 0
	}
	return c.counters[k].sums[domain] + what.diff(k)
}

// assumption is how the counts of one node would differ if other pods were on it. nil
// assumes nothing.
type assumption struct{ before, after []int64 }

func (a *assumption) diff(k int) int64 {
	if a == nil {
		return 0
	}
	return at(a.after, k) - at(a.before, k)
}

// at returns list[k], or 0 behind its end.
func at(list []int64, k int) int64 {
	if k < len(list) {
		return list[k]
	}
	return 0
}

// signature renders all that a plugin looks at, so that equal text means equal
// answers. Labels count only where somebody selects by them, or each pod of a
// StatefulSet would be a class of its own.
func (s *Snapshot) signature(p *Pod) string {
	seen := v1.Pod{Spec: v1.PodSpec{
		NodeSelector:              p.Spec.NodeSelector,
		Affinity:                  p.Spec.Affinity,
		Tolerations:               p.Spec.Tolerations,
		TopologySpreadConstraints: p.Spec.TopologySpreadConstraints,
		Overhead:                  p.Spec.Overhead,
		Resources:                 p.Spec.Resources,
		ResourceClaims:            p.Spec.ResourceClaims,
		NodeName:                  p.Spec.NodeName,
		InitContainers:            seenContainers(p.Spec.InitContainers),
		Containers:                seenContainers(p.Spec.Containers),
	}}
	// A class whose pods spread by owner is the owner's.
	seen.UID = p.owner
	if s.termed > 0 || p.hasTerms() || len(p.Spec.TopologySpreadConstraints) > 0 {
		seen.Namespace, seen.Labels = p.Namespace, p.Labels
	}
	text, err := seen.Marshal()
	if err != nil { // the types cannot fail to encode; a pod that did would be a class of its own
		return string(p.UID)
	}
	return string(text)
}

func seenContainers(from []v1.Container) []v1.Container {
	list := make([]v1.Container, len(from))
	for i := range from {
		list[i] = v1.Container{
			Image:         from[i].Image,
			Ports:         from[i].Ports,
			Resources:     from[i].Resources,
			RestartPolicy: from[i].RestartPolicy,
		}
	}
	return list
}
