package core

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// node is a v1.Node with the sums over the pods on it.
type node struct {
	*v1.Node // nil while pods name a node that has not been seen yet

	// generation changes with every change of the node or of its pods, and no two
	// states of any two nodes share one. An answer that was given for a
	// generation holds as long as the node carries it.
	generation uint64

	allocatable amounts
	maxPods     int64
	images      map[string]int64 // every name of every image present -> bytes

	pods      map[types.UID]*Pod
	withTerms map[types.UID]*Pod // those of pods that have affinity terms of their own
	requested amounts            // sum over pods
	scored    amounts            // the same, with the assumed figures
	ports     map[port]int       // host ports in use -> number of users
}

func newNode() *node {
	return &node{
		pods:      map[types.UID]*Pod{},
		withTerms: map[types.UID]*Pod{},
		ports:     map[port]int{},
	}
}

func (n *node) set(v *v1.Node) {
	n.Node = v
	n.allocatable = amountsOf(v.Status.Allocatable)
	n.maxPods = v.Status.Allocatable.Pods().Value()
	n.images = map[string]int64{}
	for _, image := range v.Status.Images {
		for _, name := range image.Names {
			n.images[normalizedImage(name)] = image.SizeBytes
		}
	}
}

func (n *node) add(p *Pod) {
	n.pods[p.UID] = p
	if p.hasTerms() {
		n.withTerms[p.UID] = p
	}
	n.account(p, 1)
}

// replace puts p in the place of an earlier state of itself that counts alike.
func (n *node) replace(p *Pod) {
	n.pods[p.UID] = p
	if p.hasTerms() {
		n.withTerms[p.UID] = p
	}
}

func (n *node) remove(uid types.UID) {
	p := n.pods[uid]
	if p == nil {
		return
	}
	delete(n.pods, uid)
	delete(n.withTerms, uid)
	n.account(p, -1)
}

func (n *node) account(p *Pod, sign int64) {
	n.requested.add(p.requested, sign)
	n.scored.add(p.scored, sign)
	for _, port := range p.ports {
		n.ports[port] += int(sign)
		if n.ports[port] == 0 {
			delete(n.ports, port)
		}
	}
}

// clone returns a copy whose pods can be taken away to see what would happen.
func (n *node) clone() *node {
	c := *n
	c.pods = maps.Clone(n.pods)
	c.withTerms = maps.Clone(n.withTerms)
	c.requested = n.requested.clone()
	c.scored = n.scored.clone()
	c.ports = maps.Clone(n.ports)
	return &c
}

// sameForScheduling tells whether no plugin could tell a from b: kubelets rewrite a
// node's status every few minutes, and most of what they write concerns nobody here.
func sameForScheduling(a, b *v1.Node) bool {
	return a.Spec.Unschedulable == b.Spec.Unschedulable &&
		maps.Equal(a.Labels, b.Labels) &&
		slices.EqualFunc(a.Spec.Taints, b.Spec.Taints, func(x, y v1.Taint) bool {
			return x.Key == y.Key && x.Value == y.Value && x.Effect == y.Effect
		}) &&
		maps.EqualFunc(a.Status.Allocatable, b.Status.Allocatable, func(x, y quantity) bool { return x.Equal(y) }) &&
		slices.EqualFunc(a.Status.Images, b.Status.Images, func(x, y v1.ContainerImage) bool {
			return x.SizeBytes == y.SizeBytes && slices.Equal(x.Names, y.Names)
		})
}
