// Package objects keeps the ConfigMaps and Secrets that pods on this node use.
//
// Each is watched alone, by name, because the Node authorizer lets a kubelet
// see no other (https://kubernetes.io/docs/reference/access-authn-authz/node/).
// A watch begins with the first pod that holds the object and ends with the
// last. The holder's duties in order: Hold, any number of gets, Release.
package objects

import (
	"context"
	"fmt"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
)

// Source is where pods' ConfigMaps and Secrets come from.
type Source interface {
	// Hold makes the objects available until Release. changed is called, with
	// the object as a cause, each time one of them changed after it was first
	// known; it must not block.
	Hold(pod types.UID, refs []Ref, changed func(cause.Ref))
	Release(pod types.UID)
	// ConfigMap and Secret return a held object; a NotFound error when there is
	// none. They wait for the first answer of the API server.
	ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error)
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
}

// Ref names an object of a held kind: "configmaps" or "secrets".
type Ref struct{ Resource, Namespace, Name string }

// Watcher is a Source over the API. Close it to end its watches.
type Watcher struct {
	client kubernetes.Interface
	ctx    context.Context // ends all watches
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	watches map[Ref]*watch
	held    map[types.UID][]Ref
}

// watch is one object's; its fields after cancel are guarded by Watcher.mu.
type watch struct {
	informer cache.SharedIndexInformer
	cancel   context.CancelFunc
	holders  map[types.UID]func(cause.Ref) // never empty
}

// NewWatcher makes a source without watches.
func NewWatcher(client kubernetes.Interface) *Watcher {
	ctx, cancel := context.WithCancel(context.Background())
	return &Watcher{client: client, ctx: ctx, cancel: cancel, watches: map[Ref]*watch{}, held: map[types.UID][]Ref{}}
}

// Close ends all watches and waits for them.
func (w *Watcher) Close() {
	w.cancel()
	w.wg.Wait()
}

// Hold implements Source. Holding again replaces what the pod held.
func (w *Watcher) Hold(pod types.UID, refs []Ref, changed func(cause.Ref)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.held[pod]
	w.held[pod] = refs
	for _, ref := range refs {
		if w.watches[ref] == nil {
			w.watches[ref] = w.start(ref)
		}
		w.watches[ref].holders[pod] = changed
	}
	w.drop(pod, old, refs)
}

// Release implements Source.
func (w *Watcher) Release(pod types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(pod, w.held[pod], nil)
	delete(w.held, pod)
}

// drop ends the pod's hold on those of old that are not in keep.
func (w *Watcher) drop(pod types.UID, old, keep []Ref) {
	kept := map[Ref]bool{}
	for _, ref := range keep {
		kept[ref] = true
	}
	for _, ref := range old {
		watch := w.watches[ref]
		if kept[ref] || watch == nil {
			continue
		}
		delete(watch.holders, pod)
		if len(watch.holders) == 0 {
			watch.cancel()
			delete(w.watches, ref)
		}
	}
}

func (w *Watcher) start(ref Ref) *watch {
	one := func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, ref.Name).String()
	}
	ctx, cancel := context.WithCancel(w.ctx)
	entry := &watch{cancel: cancel, holders: map[types.UID]func(cause.Ref){}}
	if ref.Resource == "secrets" {
		entry.informer = informers.NewFilteredSecretInformer(w.client, ref.Namespace, 0, nil, one)
	} else {
		entry.informer = informers.NewFilteredConfigMapInformer(w.client, ref.Namespace, 0, nil, one)
	}
	notify := func(obj any) {
		if o, ok := obj.(metav1.Object); ok {
			w.notify(entry, cause.Of(o, ref.Resource))
		}
	}
	// Adding a handler fails only after the informer stopped, and it has not begun.
	_, _ = entry.informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, isInInitialList bool) {
			if !isInInitialList { // who asked has waited for that one
				notify(obj)
			}
		},
		UpdateFunc: func(_, obj any) { notify(obj) },
	})
	w.wg.Go(func() { entry.informer.RunWithContext(ctx) })
	return entry
}

func (w *Watcher) notify(entry *watch, c cause.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, changed := range entry.holders {
		changed(c)
	}
}

// ConfigMap implements Source.
func (w *Watcher) ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error) {
	obj, err := w.get(ctx, Ref{"configmaps", namespace, name})
	if err != nil {
		return nil, err
	}
	return obj.(*v1.ConfigMap), nil
}

// Secret implements Source.
func (w *Watcher) Secret(ctx context.Context, namespace, name string) (*v1.Secret, error) {
	obj, err := w.get(ctx, Ref{"secrets", namespace, name})
	if err != nil {
		return nil, err
	}
	return obj.(*v1.Secret), nil
}

func (w *Watcher) get(ctx context.Context, ref Ref) (any, error) {
	w.mu.Lock()
	entry := w.watches[ref]
	w.mu.Unlock()
	if entry == nil {
		return nil, fmt.Errorf("%s %s/%s is not held by any pod", ref.Resource, ref.Namespace, ref.Name)
	}
	select {
	case <-entry.informer.HasSyncedChecker().Done():
	case <-ctx.Done():
		return nil, fmt.Errorf("failed to sync %s %s/%s: %w", ref.Resource, ref.Namespace, ref.Name, ctx.Err())
	}
	obj, exists, err := entry.informer.GetStore().GetByKey(ref.Namespace + "/" + ref.Name)
	if err != nil {
		return nil, err
	}
	if !exists {
		// Upstream's kubelet names the kind in the singular here.
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: strings.TrimSuffix(ref.Resource, "s")}, ref.Name)
	}
	return obj, nil
}
