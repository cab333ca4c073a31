package core

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

var (
	unselected = &rejection{plugin: nodeAffinityName, reasons: []string{"node(s) didn't match Pod's node affinity/selector"}, final: true}
	elsewhere  = &rejection{plugin: nodeAffinityName, reasons: []string{"node(s) didn't satisfy plugin(s) [NodeAffinity]"}, final: true}
)

// nodeAffinity is the filter of the NodeAffinity plugin: nodeSelector and required node
// affinity (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/).
func nodeAffinity(c *class, n *node) *rejection {
	// A term that does not parse matches no node, as upstream has it.
	if ok, _ := c.required.Match(n.Node); !ok {
		return unselected
	}
	return nil
}

// pinnedElsewhere answers first, and cheaply, for pods that name their nodes in their
// affinity, as a DaemonSet's do: of 5,000 nodes it leaves one to look at.
func pinnedElsewhere(c *class, n *node) *rejection {
	if c.pinned != nil && !c.pinned[n.Name] {
		return elsewhere
	}
	return nil
}

// pinnedNodes returns the names that required node affinity confines p to, or nil
// where some term does not speak of names. Terms are alternatives; the
// requirements in one must all hold.
func pinnedNodes(p *v1.Pod) map[string]bool {
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil ||
		p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	names := map[string]bool{}
	for _, t := range p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		found := false
		for _, r := range t.MatchFields {
			if r.Key == metav1.ObjectNameField && r.Operator == v1.NodeSelectorOpIn {
				found = true
				for _, name := range r.Values {
					names[name] = true
				}
			}
		}
		if !found {
			return nil
		}
	}
	if len(names) == 0 {
		return nil
	}
	return names
}

// preferredNodes parses preferred node affinity. Terms that do not parse prefer nothing.
func preferredNodes(p *v1.Pod) *nodeaffinity.PreferredSchedulingTerms {
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil ||
		len(p.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		return nil
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(p.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return nil
	}
	return terms
}

// preferredNodeScore is the plugin's raw score: the sum of the matching terms' weights.
func preferredNodeScore(c *class, n *node) int64 {
	if c.nodeTerms == nil {
		return 0
	}
	return c.nodeTerms.Score(n.Node)
}
