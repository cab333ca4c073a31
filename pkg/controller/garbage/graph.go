package garbage

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
)

// identity names one object for good.
type identity struct {
	resource  schema.GroupVersionResource
	namespace string
	name      string
	uid       types.UID
}

// node is what the graph knows of one object. It is replaced, never changed.
type node struct {
	identity
	owners   []metav1.OwnerReference
	deleting bool // it has a deletionTimestamp
	// foreground and orphan are its finalizers of these names, which say
	// what shall become of its dependents before it goes.
	foreground, orphan bool
}

// awaitsDependents says whether the object goes when its dependents are gone.
func (n *node) awaitsDependents() bool { return n.deleting && n.foreground }

// awaitsOrphaning says whether it goes when they are no longer its dependents.
func (n *node) awaitsOrphaning() bool { return n.deleting && n.orphan }

// settled says whether nothing can be needed of the collector: the object goes by
// itself.
func (n *node) settled() bool { return n.deleting && !n.foreground && !n.orphan }

// graph is who owns whom, from the events of all resources in whatever order they
// come. It is safe for concurrent use.
type graph struct {
	mu    sync.Mutex
	nodes map[types.UID]*node
	// dependents holds, for each uid that some node names as owner, those
	// nodes; the owner itself may not be a node (yet, or any more).
	dependents map[types.UID]map[types.UID]bool
	// absent holds owners that are known to be gone: seen to be deleted, or
	// looked for in vain. The key has the namespace of the dependents because a
	// reference to another namespace's object leads nowhere.
	absent *lru.Cache
}

type absence struct {
	namespace string
	uid       types.UID
}

func newGraph() *graph {
	return &graph{nodes: map[types.UID]*node{}, dependents: map[types.UID]map[types.UID]bool{}, absent: lru.New(500)}
}

// wake lists the nodes to look at after an event: now, or a little later when the
// event of an owner may simply not have come yet.
type wake struct{ now, later []types.UID }

// observe takes in an object that is new or has changed.
func (g *graph) observe(next *node) wake {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.nodes[next.uid]
	g.nodes[next.uid] = next
	var w wake
	if old != nil {
		w.now = g.unlink(old, next)
	}
	for _, owner := range next.owners {
		if g.dependents[owner.UID] == nil {
			g.dependents[owner.UID] = map[types.UID]bool{}
		}
		g.dependents[owner.UID][next.uid] = true
		if old != nil && slices.ContainsFunc(old.owners, func(was metav1.OwnerReference) bool { return was.UID == owner.UID }) {
			continue // looked at when it was new
		}
		switch there := g.nodes[owner.UID]; {
		case there == nil || !reaches(next, owner, there):
			w.later = append(w.later, next.uid)
		case there.awaitsDependents():
			w.now = append(w.now, next.uid)
		}
	}
	if next.awaitsDependents() && (old == nil || !old.awaitsDependents()) {
		w.now = append(append(w.now, next.uid), g.dependentsOf(next.uid)...)
	}
	if next.awaitsOrphaning() && (old == nil || !old.awaitsOrphaning()) {
		w.now = append(w.now, next.uid)
	}
	return w
}

// unlink removes old from the dependents of owners that next does not have, and
// returns those owners that no longer wait for it.
func (g *graph) unlink(old, next *node) (free []types.UID) {
	for _, was := range old.owners {
		i := slices.IndexFunc(next.owners, func(is metav1.OwnerReference) bool { return is.UID == was.UID })
		if i < 0 {
			g.drop(was.UID, old.uid)
		}
		if blocks(was) && (i < 0 || !blocks(next.owners[i])) {
			if owner := g.nodes[was.UID]; owner != nil && owner.awaitsDependents() {
				free = append(free, was.UID)
			}
		}
	}
	return free
}

// remove takes in that an object is gone. Its dependents have lost an owner, and
// an owner that waited for it may go.
func (g *graph) remove(uid types.UID) wake {
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.nodes[uid]
	if old == nil {
		return wake{}
	}
	delete(g.nodes, uid)
	var w wake
	for _, owner := range old.owners {
		g.drop(owner.UID, uid)
		if there := g.nodes[owner.UID]; there != nil && there.awaitsDependents() {
			w.now = append(w.now, owner.UID)
		}
	}
	w.now = append(w.now, g.dependentsOf(uid)...)
	for _, dependent := range g.dependentsOf(uid) {
		g.absent.Add(absence{g.nodes[dependent].namespace, uid}, true)
	}
	return w
}

func (g *graph) drop(owner, dependent types.UID) {
	delete(g.dependents[owner], dependent)
	if len(g.dependents[owner]) == 0 {
		delete(g.dependents, owner)
	}
}

func (g *graph) dependentsOf(uid types.UID) []types.UID {
	out := make([]types.UID, 0, len(g.dependents[uid]))
	for dependent := range g.dependents[uid] {
		out = append(out, dependent)
	}
	return out
}

// get returns a node, or nil.
func (g *graph) get(uid types.UID) *node {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.nodes[uid]
}

// dependentNodes returns the nodes that name uid as an owner.
func (g *graph) dependentNodes(uid types.UID) []*node {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*node, 0, len(g.dependents[uid]))
	for dependent := range g.dependents[uid] {
		out = append(out, g.nodes[dependent])
	}
	return out
}

// ownerState is what is known of an owner without asking the server.
type ownerState int

const (
	unknown ownerState = iota // ask
	gone
	waiting // it goes when the dependent has gone
	solid
)

// owner says what the graph knows of one that item refers to.
func (g *graph) owner(item *node, ref metav1.OwnerReference) ownerState {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.absent.Get(absence{item.namespace, ref.UID}); ok {
		return gone
	}
	there := g.nodes[ref.UID]
	switch {
	case there == nil || !reaches(item, ref, there):
		return unknown
	case there.awaitsDependents():
		return waiting
	}
	return solid
}

// isAbsent notes that an owner was looked for in vain.
func (g *graph) isAbsent(item *node, ref metav1.OwnerReference) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.absent.Add(absence{item.namespace, ref.UID}, true)
}

// reaches says whether a reference leads to the object of its uid: by the right
// name, and not into another namespace.
func reaches(from *node, ref metav1.OwnerReference, to *node) bool {
	return to.name == ref.Name && (to.namespace == "" || to.namespace == from.namespace)
}

func blocks(ref metav1.OwnerReference) bool {
	return ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion
}
