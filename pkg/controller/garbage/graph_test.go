package garbage

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

var things = schema.GroupVersionResource{Version: "v1", Resource: "things"}

// thing makes a node named as its uid, in namespace ns, owned by owners; an owner
// with a "!" blocks it.
func thing(uid string, owners ...string) *node {
	n := &node{identity: identity{resource: things, namespace: "ns", name: uid, uid: types.UID(uid)}}
	for _, owner := range owners {
		name, block := strings.CutSuffix(owner, "!")
		n.owners = append(n.owners, metav1.OwnerReference{APIVersion: "v1", Kind: "Thing", Name: name, UID: types.UID(name), BlockOwnerDeletion: &block})
	}
	return n
}

func with(n *node, change func(*node)) *node { change(n); return n }

func foreground(n *node) { n.deleting, n.foreground = true, true }
func orphaning(n *node)  { n.deleting, n.orphan = true, true }

func text(uids []types.UID) string {
	var out []string
	for _, uid := range uids {
		out = append(out, string(uid))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestGraphWakesWhatAnEventMattersTo(t *testing.T) {
	for _, c := range []struct {
		name       string
		before     []*node
		event      *node
		removed    string
		now, later string
	}{
		{name: "a thing without owners", event: thing("a")},
		{name: "its owner is known", before: []*node{thing("a")}, event: thing("b", "a")},
		{name: "its owner is not known", event: thing("b", "a"), later: "b"},
		{name: "seen again, owner still unknown", before: []*node{thing("b", "a")}, event: thing("b", "a")},
		{name: "an owner in another namespace is none", event: thing("b", "a"), later: "b",
			before: []*node{with(thing("a"), func(n *node) { n.namespace = "other" })}},
		{name: "a cluster-scoped owner", event: thing("b", "a"),
			before: []*node{with(thing("a"), func(n *node) { n.namespace = "" })}},
		{name: "an owner of another name", event: thing("b", "a"), later: "b",
			before: []*node{with(thing("a"), func(n *node) { n.name = "x" })}},
		{name: "the owner is gone", before: []*node{thing("a"), thing("b", "a"), thing("c", "a")}, removed: "a", now: "b c"},
		{name: "nobody's owner is gone", before: []*node{thing("a")}, removed: "a"},
		{name: "the owner waits for dependents", before: []*node{thing("a"), thing("b", "a!")}, event: with(thing("a"), foreground), now: "a b"},
		{name: "a dependent comes late", before: []*node{with(thing("a"), foreground)}, event: thing("b", "a!"), now: "b"},
		{name: "a dependent that was waited for goes", before: []*node{with(thing("a"), foreground), thing("b", "a!")}, removed: "b", now: "a"},
		{name: "a dependent no longer blocks", before: []*node{with(thing("a"), foreground), thing("b", "a!")}, event: thing("b", "a"), now: "a"},
		{name: "a dependent is given away", before: []*node{with(thing("a"), foreground), thing("b", "a!")}, event: thing("b"), now: "a"},
		{name: "the owner waits for orphaning", before: []*node{thing("a"), thing("b", "a")}, event: with(thing("a"), orphaning), now: "a"},
		{name: "still waiting", before: []*node{with(thing("a"), foreground), thing("b", "a!")}, event: with(thing("a"), foreground)},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGraph()
			for _, n := range c.before {
				g.observe(n)
			}
			var w wake
			if c.event != nil {
				w = g.observe(c.event)
			} else {
				w = g.remove(types.UID(c.removed))
			}
			if text(w.now) != c.now || text(w.later) != c.later {
				t.Errorf("wakes %q now and %q later, want %q and %q", text(w.now), text(w.later), c.now, c.later)
			}
		})
	}
}

func TestGraphKnowsOwners(t *testing.T) {
	g := newGraph()
	child := thing("c", "alive", "dying", "dead", "never")
	for _, n := range []*node{thing("alive"), with(thing("dying"), foreground), thing("dead"), child} {
		g.observe(n)
	}
	g.remove("dead")
	for i, want := range []ownerState{solid, waiting, gone, unknown} {
		if got := g.owner(child, child.owners[i]); got != want {
			t.Errorf("owner %s is %v, want %v", child.owners[i].Name, got, want)
		}
	}
	g.isAbsent(child, child.owners[3])
	if got := g.owner(child, child.owners[3]); got != gone {
		t.Errorf("an owner that was looked for in vain is %v", got)
	}
	elsewhere := with(thing("d", "dead"), func(n *node) { n.namespace = "other" })
	if got := g.owner(elsewhere, elsewhere.owners[0]); got != unknown {
		t.Errorf("the absence counts in another namespace: %v", got)
	}
}

func TestGraphForgetsWhatIsGone(t *testing.T) {
	g := newGraph()
	for _, n := range []*node{thing("a"), thing("b", "a", "x"), thing("c", "b")} {
		g.observe(n)
	}
	for _, uid := range []types.UID{"c", "b", "a", "a"} {
		g.remove(uid)
	}
	if len(g.nodes)+len(g.dependents) != 0 {
		t.Errorf("left: %d nodes, %d owners", len(g.nodes), len(g.dependents))
	}
}
