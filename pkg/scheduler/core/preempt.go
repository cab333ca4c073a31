package core

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Preemption is how room can be made for a pod by asking less important ones to go
// (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/).
type Preemption struct {
	// Node is where, "" when there is no way; Why then says so in upstream's words.
	Node string
	Why  string
	// Victims are the pods to delete, the most important first. They may be none: then
	// pods that already go leave enough room.
	Victims []*v1.Pod
}

// Texts of nodes that cannot help.
const (
	unhelpful = "Preemption is not helpful for scheduling"
	noVictims = "No preemption victims found for incoming pod"
)

// Preempt finds the node where room for p costs least. It is asked after Decide found none; budgets
// are the disruption budgets to spare where there is a choice.
func (s *Snapshot) Preempt(p *Pod, budgets []Budget) Preemption {
	if policy := p.Spec.PreemptionPolicy; policy != nil && *policy == v1.PreemptNever {
		return Preemption{Why: "not eligible due to preemptionPolicy=Never."}
	}
	if s.waitsForRoom(p) {
		return Preemption{Why: "not eligible due to a terminating pod on the nominated node."}
	}
	c := s.class(p)
	c.prepareSpreads()
	var best *candidate
	reasons := map[string]int{}
	for i := range s.order {
		if r := s.judge(c, p, i); r == nil || r.final {
			reasons[unhelpful]++
			continue
		}
		found, refusal := s.sacrifice(c, p, i, budgets)
		for _, reason := range refusal {
			reasons[reason]++
		}
		if found != nil && (best == nil || found.cheaper(best)) {
			best = found
		}
	}
	if best == nil {
		return Preemption{Why: fmt.Sprintf("0/%d nodes are available: %s.", len(s.order), strings.Join(histogram(reasons), ", "))}
	}
	out := Preemption{Node: best.node}
	for _, victim := range best.victims {
		out.Victims = append(out.Victims, victim.Pod)
	}
	return out
}

// waitsForRoom tells whether p has preempted already and what it asked to go is still going.
func (s *Snapshot) waitsForRoom(p *Pod) bool {
	for name, pods := range s.nominated {
		if pods[p.UID] == nil || s.nodes[name] == nil {
			continue
		}
		for _, other := range s.nodes[name].pods {
			if other.DeletionTimestamp != nil && other.priority < p.priority {
				return true
			}
		}
	}
	return false
}

// candidate is what room on one node costs.
type candidate struct {
	node       string
	victims    []*Pod // the most important first
	violations int    // of disruption budgets
}

// sacrifice finds the victims on the node at position i: it takes away all less important pods, and puts
// back as many as possible, the most important first and those that budgets protect before
// the others. Without a way it returns the reasons.
func (s *Snapshot) sacrifice(c *class, p *Pod, i int, budgets []Budget) (*candidate, []string) {
	var lesser []*Pod
	for _, other := range s.order[i].pods {
		if other.priority < p.priority {
			lesser = append(lesser, other)
		}
	}
	if len(lesser) == 0 {
		return nil, []string{noVictims}
	}
	state := s.order[i].clone()
	for _, other := range lesser {
		state.remove(other.UID)
	}
	s.addNominated(state, p)
	if r := s.suppose(c, i, state); r != nil {
		return nil, r.reasons
	}
	slices.SortFunc(lesser, byImportance)
	protected, others := split(lesser, budgets)
	spare := func(list []*Pod) (victims []*Pod) {
		for _, other := range list {
			state.add(other)
			if s.suppose(c, i, state) != nil {
				state.remove(other.UID)
				victims = append(victims, other)
			}
		}
		return victims
	}
	victims := spare(protected)
	found := &candidate{node: s.order[i].Name, violations: len(victims)}
	found.victims = append(victims, spare(others)...)
	slices.SortFunc(found.victims, byImportance)
	return found, nil
}

// cheaper compares by upstream's order of concerns.
func (a *candidate) cheaper(b *candidate) bool {
	if a.violations != b.violations {
		return a.violations < b.violations
	}
	if len(a.victims) == 0 || len(b.victims) == 0 {
		return len(a.victims) < len(b.victims)
	}
	return cmp.Or(
		cmp.Compare(a.victims[0].priority, b.victims[0].priority),
		cmp.Compare(a.weight(), b.weight()),
		cmp.Compare(len(a.victims), len(b.victims)),
		// Of the most important victims, spare the one that has run longest.
		-cmp.Compare(started(a.victims[0]), started(b.victims[0])),
	) < 0
}

// weight sums the victims' priorities, shifted so that more victims never weigh less.
func (a *candidate) weight() int64 {
	var sum int64
	for _, victim := range a.victims {
		sum += int64(victim.priority) + math.MaxInt32 + 1
	}
	return sum
}

// byImportance sorts the most important first: by priority, then by who started earlier.
func byImportance(a, b *Pod) int {
	return cmp.Or(-cmp.Compare(a.priority, b.priority), cmp.Compare(started(a), started(b)), cmp.Compare(a.UID, b.UID))
}

// started returns when a pod was started, in nanoseconds; one that was not is the latest.
func started(p *Pod) int64 {
	if p.Status.StartTime == nil {
		return math.MaxInt64
	}
	return p.Status.StartTime.UnixNano()
}

// Budget is a disruption budget and what it still allows.
type Budget struct {
	namespace string
	selector  labels.Selector
	allowed   int32
	disrupted map[string]bool // pods by name that are accounted for already
}

// NewBudget reads a PodDisruptionBudget. One whose selector does not parse or is empty protects
// nothing.
func NewBudget(v *policyv1.PodDisruptionBudget) (Budget, bool) {
	b := Budget{namespace: v.Namespace, allowed: v.Status.DisruptionsAllowed, disrupted: map[string]bool{}}
	var err error
	if b.selector, err = metav1.LabelSelectorAsSelector(v.Spec.Selector); err != nil || b.selector.Empty() {
		return b, false
	}
	for name := range v.Status.DisruptedPods {
		b.disrupted[name] = true
	}
	return b, true
}

func (b *Budget) covers(p *Pod) bool {
	return p.Namespace == b.namespace && !b.disrupted[p.Name] && b.selector.Matches(labels.Set(p.Labels))
}

// split parts pods into those whose going would break a budget and the rest, in their order.
func split(pods []*Pod, budgets []Budget) (protected, others []*Pod) {
	allowed := make([]int32, len(budgets))
	for k := range budgets {
		allowed[k] = budgets[k].allowed
	}
	for _, p := range pods {
		violates := false
		for k := range budgets {
			if !budgets[k].covers(p) {
				continue
			}
			allowed[k]--
			violates = violates || allowed[k] < 0
		}
		if violates {
			protected = append(protected, p)
		} else {
			others = append(others, p)
		}
	}
	return protected, others
}
