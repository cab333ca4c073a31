package core

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Snapshot is everything that a decision is made from: the nodes, the pods that have
// a node (bound, or assumed to be soon), and the namespaces' labels. The objects given
// to it are kept and must not be changed afterwards.
type Snapshot struct {
	nodes      map[string]*node
	placed     map[types.UID]string // pod -> the node it is on
	namespaces map[string]labels.Set
	nominated  map[string]map[types.UID]*Pod // node -> pods that preempted others to run there

	generation uint64 // the newest one given to a node
	termed     int    // pods with affinity terms; while 0, labels of pods concern nobody

	// What follows is derived and rebuilt on demand: order is nil after the set
	// of nodes, a node's labels or a namespace's labels changed.
	order      []*node // nodes that have an object, by name
	topologies map[string]*topology
	imageNodes map[string]int64 // image name -> nodes that have it
	classes    classes
	scratch    scratch
}

// NewSnapshot returns an empty snapshot.
func NewSnapshot() *Snapshot {
	return &Snapshot{
		nodes:      map[string]*node{},
		placed:     map[types.UID]string{},
		namespaces: map[string]labels.Set{},
		nominated:  map[string]map[types.UID]*Pod{},
		imageNodes: map[string]int64{},
	}
}

// SetNode adds a node or replaces it. It tells whether anything changed that could
// matter to a decision.
func (s *Snapshot) SetNode(v *v1.Node) bool {
	n := s.node(v.Name)
	if n.Node != nil && sameForScheduling(n.Node, v) {
		n.Node = v
		return false
	}
	if n.Node == nil || !labels.Equals(n.Labels, v.Labels) {
		s.forgetOrder()
	}
	s.countImages(n, -1)
	n.set(v)
	s.countImages(n, 1)
	s.touch(n)
	return true
}

// RemoveNode removes a node. Pods that name it are remembered in case it comes back.
func (s *Snapshot) RemoveNode(name string) {
	n := s.nodes[name]
	if n == nil {
		return
	}
	s.forgetOrder()
	s.countImages(n, -1)
	n.Node, n.images = nil, nil
	s.touch(n)
	s.dropIfEmpty(name, n)
}

// SetPod adds or replaces a pod that has a node in spec.nodeName. It tells whether anything
// changed that could matter to a decision. The error is of a pod that no server would have
// let in; it then counts as absent.
func (s *Snapshot) SetPod(v *v1.Pod) (bool, error) {
	p, err := Parse(v)
	if err != nil {
		s.RemovePod(v.UID)
		return true, err
	}
	if s.placed[v.UID] == v.Spec.NodeName {
		if n := s.nodes[v.Spec.NodeName]; n.pods[v.UID].countsLike(p) {
			n.replace(p)
			return false, nil
		}
	}
	s.RemovePod(v.UID)
	s.ClearNominated(v.UID)
	n := s.node(v.Spec.NodeName)
	n.add(p)
	s.placed[v.UID] = v.Spec.NodeName
	if p.hasTerms() {
		s.termed++
	}
	s.touch(n)
	return true, nil
}

// RemovePod removes a pod, if it is there.
func (s *Snapshot) RemovePod(uid types.UID) {
	name, ok := s.placed[uid]
	if !ok {
		return
	}
	n := s.nodes[name]
	if n.pods[uid].hasTerms() {
		s.termed--
	}
	delete(s.placed, uid)
	n.remove(uid)
	s.touch(n)
	s.dropIfEmpty(name, n)
}

// NodeOf returns the node that the snapshot has the pod on, or "".
func (s *Snapshot) NodeOf(uid types.UID) string { return s.placed[uid] }

// Nodes returns the number of nodes that have an object.
func (s *Snapshot) Nodes() int { return len(s.ordered()) }

// SetNamespace records a namespace's labels, which affinity terms can select by. It tells
// whether they changed.
func (s *Snapshot) SetNamespace(name string, set labels.Set) bool {
	if old, ok := s.namespaces[name]; ok && labels.Equals(old, set) {
		return false
	}
	s.namespaces[name] = set
	s.forgetOrder()
	return true
}

// RemoveNamespace forgets a namespace. Its pods are gone by then.
func (s *Snapshot) RemoveNamespace(name string) { delete(s.namespaces, name) }

// SetNominated records that p waits for room on the named node, having preempted
// what was there: pods of lower priority must not take that room.
func (s *Snapshot) SetNominated(p *Pod, nodeName string) {
	s.ClearNominated(p.UID)
	if s.nominated[nodeName] == nil {
		s.nominated[nodeName] = map[types.UID]*Pod{}
	}
	s.nominated[nodeName][p.UID] = p
}

// ClearNominated takes a nomination back, if there is one.
func (s *Snapshot) ClearNominated(uid types.UID) {
	for name, pods := range s.nominated {
		delete(pods, uid)
		if len(pods) == 0 {
			delete(s.nominated, name)
		}
	}
}

func (s *Snapshot) node(name string) *node {
	n := s.nodes[name]
	if n == nil {
		n = newNode()
		s.nodes[name] = n
	}
	return n
}

func (s *Snapshot) touch(n *node) {
	s.generation++
	n.generation = s.generation
}

func (s *Snapshot) dropIfEmpty(name string, n *node) {
	if n.Node == nil && len(n.pods) == 0 {
		delete(s.nodes, name)
	}
}

func (s *Snapshot) countImages(n *node, sign int64) {
	for name := range n.images {
		s.imageNodes[name] += sign
		if s.imageNodes[name] == 0 {
			delete(s.imageNodes, name)
		}
	}
}

// forgetOrder drops all that hangs on the nodes' positions and labels.
func (s *Snapshot) forgetOrder() {
	s.order, s.topologies, s.classes = nil, nil, classes{}
}

func (s *Snapshot) ordered() []*node {
	if s.order != nil {
		return s.order
	}
	s.order = make([]*node, 0, len(s.nodes))
	for _, n := range s.nodes {
		if n.Node != nil {
			s.order = append(s.order, n)
		}
	}
	slices.SortFunc(s.order, func(a, b *node) int { return strings.Compare(a.Name, b.Name) })
	return s.order
}

// topology numbers the values that one label has on the nodes: its domains.
type topology struct {
	domain  []int32 // by position in order; -1 where the node has no such label
	domains int
}

func (s *Snapshot) topology(key string) *topology {
	if t := s.topologies[key]; t != nil {
		return t
	}
	t := &topology{domain: make([]int32, len(s.ordered()))}
	number := map[string]int32{}
	for i, n := range s.ordered() {
		value, ok := n.Labels[key]
		if !ok {
			t.domain[i] = -1
			continue
		}
		if _, seen := number[value]; !seen {
			number[value] = int32(len(number))
		}
		t.domain[i] = number[value]
	}
	t.domains = len(number)
	if s.topologies == nil {
		s.topologies = map[string]*topology{}
	}
	s.topologies[key] = t
	return t
}
