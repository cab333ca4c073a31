package control

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
)

// Parents finds the objects of kind P that other objects belong to, or could
// belong to. It reads a cache; what it returns is shared with the cache.
type Parents[P metav1.Object] struct {
	Kind     string                           // "ReplicaSet"
	Cache    cache.Indexer                    // of P, with client-go's index by namespace
	Selector func(P) (labels.Selector, error) // which children a parent adopts
}

// Of returns the parent that controls child, and whether there is one.
func (p Parents[P]) Of(child metav1.Object) (parent P, ok bool) {
	owner := metav1.GetControllerOfNoCopy(child)
	if owner == nil || owner.Kind != p.Kind {
		return parent, false
	}
	found, ok, _ := p.Cache.GetByKey(child.GetNamespace() + "/" + owner.Name) // a key made so has no errors
	if !ok || found.(P).GetUID() != owner.UID {
		return parent, false
	}
	return found.(P), true
}

// Adopters returns the parents whose selectors match an orphan.
func (p Parents[P]) Adopters(orphan metav1.Object) []P {
	all, _ := p.Cache.ByIndex(cache.NamespaceIndex, orphan.GetNamespace()) // the only error: no such index
	var adopters []P
	for _, obj := range all {
		parent := obj.(P)
		if selector, err := p.Selector(parent); err == nil && selector.Matches(labels.Set(orphan.GetLabels())) {
			adopters = append(adopters, parent)
		}
	}
	return adopters
}

// WakeParents queues, for a child that has changed, the parent that controls it,
// the one that did before, and for an orphan all that would adopt it.
func WakeParents[P, C metav1.Object](p Parents[P], queue *cause.Queue[string], e Event[C]) {
	var none C
	for _, child := range []C{e.Old, e.New} {
		if any(child) == any(none) {
			continue
		}
		if parent, ok := p.Of(child); ok {
			queue.Add(Key(parent), e.Ref)
		}
	}
	if any(e.New) == any(none) || metav1.GetControllerOfNoCopy(e.New) != nil || e.New.GetDeletionTimestamp() != nil {
		return
	}
	for _, parent := range p.Adopters(e.New) {
		queue.Add(Key(parent), e.Ref)
	}
}
