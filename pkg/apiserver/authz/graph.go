package authz

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// graph knows which objects the pods of each node use.
type graph struct {
	mu   sync.RWMutex
	pods map[key]podUses
	// count is how many pods of a node use an object; no entry is zero.
	count map[string]map[use]int
}

// use names an object by resource ("secrets"), namespace and name.
type use struct{ resource, namespace, name string }

// podUses is what one bound pod contributes to the counts.
type podUses struct {
	node string
	uses map[use]struct{}
}

func newGraph() *graph {
	return &graph{pods: map[key]podUses{}, count: map[string]map[use]int{}}
}

// uses says whether a pod of the node uses the object; a pod uses itself.
func (g *graph) uses(node string, u use) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.count[node][u] > 0
}

// claims lists the volume claims that pods of the node use.
func (g *graph) claims(node string) (list []use) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for u := range g.count[node] {
		if u.resource == "persistentvolumeclaims" {
			list = append(list, u)
		}
	}
	return list
}

// set replaces what is known of a pod; nil removes it.
func (g *graph) set(namespace, name string, pod *corev1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := key{namespace, name}
	if old, there := g.pods[k]; there {
		g.add(old, -1)
		delete(g.pods, k)
	}
	if pod == nil || pod.Spec.NodeName == "" {
		return
	}
	fresh := podUses{node: pod.Spec.NodeName, uses: usesOf(pod)}
	g.pods[k] = fresh
	g.add(fresh, 1)
}

func (g *graph) add(p podUses, by int) {
	counts := g.count[p.node]
	if counts == nil {
		counts = map[use]int{}
		g.count[p.node] = counts
	}
	for u := range p.uses {
		if counts[u] += by; counts[u] == 0 {
			delete(counts, u)
		}
	}
	if len(counts) == 0 {
		delete(g.count, p.node)
	}
}

// usesOf lists what a pod refers to. A mirror pod of a static pod refers to
// nothing but itself: it was made by the kubelet, which must not widen its own
// rights with it.
func usesOf(pod *corev1.Pod) map[use]struct{} {
	uses := map[use]struct{}{{"pods", pod.Namespace, pod.Name}: {}}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return uses
	}
	VisitReferences(pod, func(resource, name string) {
		uses[use{resource, pod.Namespace, name}] = struct{}{}
	})
	return uses
}
