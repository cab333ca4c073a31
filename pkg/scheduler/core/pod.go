package core

import (
	"fmt"
	"maps"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1"
)

// quantity shortens the type of a ResourceList's values.
type quantity = resource.Quantity

var scoredDefaults = v1.ResourceList{
	v1.ResourceCPU:    *resource.NewMilliQuantity(scoredMilliCPU, resource.DecimalSI),
	v1.ResourceMemory: *resource.NewQuantity(scoredMemory, resource.BinarySI),
}

// Pod is a v1.Pod with everything parsed that plugins ask for again and again. It is
// immutable.
type Pod struct {
	*v1.Pod
	priority  int32
	owner     types.UID // of the controller, "" when there is none
	requested amounts
	scored    amounts
	ports     []port

	affinity     []term // required: the pod goes only where all of them hold
	antiAffinity []term // required: it goes where none of them holds
	preferred    []term // weighted, negative weights for preferred anti-affinity
}

// term is one PodAffinityTerm, parsed.
type term struct {
	topologyKey       string
	selector          labels.Selector
	namespaces        sets.Set[string]
	namespaceSelector labels.Selector
	weight            int64
}

// Parse reads v, which must not change afterwards. The error names the field that does not parse; a server that
// validates lets none of these through.
func Parse(v *v1.Pod) (*Pod, error) {
	p := &Pod{Pod: v, priority: corev1.PodPriority(v), ports: hostPorts(v)}
	p.requested, p.scored = podRequests(v)
	if ref := metav1.GetControllerOf(v); ref != nil {
		p.owner = ref.UID
	}
	if v.Spec.Affinity == nil {
		return p, nil
	}
	var err error
	if a := v.Spec.Affinity.PodAffinity; a != nil {
		if p.affinity, err = parseTerms(v.Namespace, a.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return nil, fmt.Errorf("spec.affinity.podAffinity: %w", err)
		}
		if err = p.prefer(a.PreferredDuringSchedulingIgnoredDuringExecution, 1); err != nil {
			return nil, fmt.Errorf("spec.affinity.podAffinity: %w", err)
		}
	}
	if a := v.Spec.Affinity.PodAntiAffinity; a != nil {
		if p.antiAffinity, err = parseTerms(v.Namespace, a.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return nil, fmt.Errorf("spec.affinity.podAntiAffinity: %w", err)
		}
		if err = p.prefer(a.PreferredDuringSchedulingIgnoredDuringExecution, -1); err != nil {
			return nil, fmt.Errorf("spec.affinity.podAntiAffinity: %w", err)
		}
	}
	return p, nil
}

// Priority returns how important the pod is; higher goes first.
func (p *Pod) Priority() int32 { return p.priority }

// countsLike tells whether a later state of the same pod takes and means the same to others: most
// updates of a running pod are of its status. Only requests, labels, the owner and the beginning of
// its end can change.
func (p *Pod) countsLike(later *Pod) bool {
	return (p.DeletionTimestamp == nil) == (later.DeletionTimestamp == nil) &&
		p.owner == later.owner &&
		p.requested.equal(later.requested) && p.scored.equal(later.scored) &&
		maps.Equal(p.Labels, later.Labels)
}

// hasTerms tells whether other pods must be compared with this one's affinity.
func (p *Pod) hasTerms() bool {
	return len(p.affinity)+len(p.antiAffinity)+len(p.preferred) > 0
}

func (p *Pod) prefer(weighted []v1.WeightedPodAffinityTerm, sign int64) error {
	for i := range weighted {
		t, err := parseTerm(p.Namespace, &weighted[i].PodAffinityTerm)
		if err != nil {
			return err
		}
		t.weight = sign * int64(weighted[i].Weight)
		p.preferred = append(p.preferred, t)
	}
	return nil
}

func parseTerms(namespace string, from []v1.PodAffinityTerm) ([]term, error) {
	var terms []term
	for i := range from {
		t, err := parseTerm(namespace, &from[i])
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
	return terms, nil
}

func parseTerm(namespace string, from *v1.PodAffinityTerm) (term, error) {
	t := term{topologyKey: from.TopologyKey, namespaces: sets.New(from.Namespaces...)}
	// Without either way of naming namespaces the pod's own is meant.
	if len(from.Namespaces) == 0 && from.NamespaceSelector == nil {
		t.namespaces.Insert(namespace)
	}
	var err error
	if t.selector, err = metav1.LabelSelectorAsSelector(from.LabelSelector); err != nil {
		return t, err
	}
	t.namespaceSelector, err = metav1.LabelSelectorAsSelector(from.NamespaceSelector)
	return t, err
}

// matches tells whether the term selects other, whose namespace has these labels.
func (t *term) matches(other *v1.Pod, namespace labels.Set) bool {
	if !t.namespaces.Has(other.Namespace) && !t.namespaceSelector.Matches(namespace) {
		return false
	}
	return t.selector.Matches(labels.Set(other.Labels))
}

// matchesAll tells whether every term selects other: required affinity counts a pod
// only then.
func matchesAll(terms []term, other *v1.Pod, namespace labels.Set) bool {
	for i := range terms {
		if !terms[i].matches(other, namespace) {
			return false
		}
	}
	return len(terms) > 0
}
