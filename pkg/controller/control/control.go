// Package control is what the controllers share: the environment that a
// controller is made from and the few mechanisms that make it right.
//
// A controller's life, in order:
//
//  1. Its constructor takes an Env, asks the shared factory for the informers of
//     the kinds it needs and registers with Watch how each event becomes keys of
//     its cause.Queue. Nothing runs yet.
//  2. The runner starts the informers and waits until every handler has seen
//     the first state.
//  3. Run blocks on the queue: sync(ctx, key) reads the caches, computes what
//     should be with pure functions, and writes the difference with ctx, which
//     carries the causes. An error comes back with backoff.
//
// Two rules keep a controller from acting on what is no longer so. A sync whose
// own earlier writes are not in the cache yet stops and waits for them (Writes).
// What is written are the fields that the controller owns, by a patch where its role
// allows one (MergePatch), and else guarded by the revision that it has read (Newer).
package control

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"slowmo/pkg/component/cause"
)

// Controller is one running part of the controller manager. Run blocks until
// ctx ends and returns after everything that it started has ended.
type Controller interface {
	Run(ctx context.Context) error
}

// Env is what a controller is made from. The client and the recorder are its
// own (they name it to the server), the informers are the process's.
type Env struct {
	Client    kubernetes.Interface
	Config    *rest.Config // of Client, for those that need another kind of client
	Informers informers.SharedInformerFactory
	Events    record.EventRecorder

	// handlers tell when the first state has been handed to each handler of Watch.
	handlers []cache.DoneChecker
}

// WaitForSync blocks until every handler registered with Watch has seen the state
// that its informer began with, and says whether that was before ctx ended.
func (e *Env) WaitForSync(ctx context.Context) bool {
	return cache.WaitFor(ctx, "", e.handlers...)
}

// Event is a change of an object. Old is nil for an object that is new, New for
// one that is gone; both are shared with the cache and must not be changed.
type Event[T metav1.Object] struct {
	Old, New T
	// Ref names the newest state known, for cause.Queue.
	Ref cause.Ref
	// Key is the object's.
	Key string
}

func event[T metav1.Object](resource string, old, obj, newest T) Event[T] {
	return Event[T]{Old: old, New: obj, Ref: cause.Of(newest, resource), Key: Key(newest)}
}

// Watch calls handle for each change that informer sees, one after the other.
// resource is the plural with its group, "deployments.apps". Resyncs, which
// change nothing, are left out.
func Watch[T metav1.Object](e *Env, informer cache.SharedIndexInformer, resource string, handle func(Event[T])) {
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			handle(event(resource, *new(T), obj.(T), obj.(T)))
		},
		UpdateFunc: func(old, obj any) {
			if old.(T).GetResourceVersion() != obj.(T).GetResourceVersion() {
				handle(event(resource, old.(T), obj.(T), obj.(T)))
			}
		},
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			if last, ok := obj.(T); ok {
				handle(event(resource, last, *new(T), last))
			}
		},
	})
	if err != nil { // an informer that has ended: its factory is being shut down, and so is the controller
		return
	}
	e.handlers = append(e.handlers, registration.HasSyncedChecker())
}

// WithIndex adds an index to an informer unless it has one of that name: several
// controllers may need the same.
func WithIndex(informer cache.SharedIndexInformer, name string, of func(obj metav1.Object) []string) {
	if _, ok := informer.GetIndexer().GetIndexers()[name]; ok {
		return
	}
	// An error means that the name is taken after all, which is as good.
	_ = informer.AddIndexers(cache.Indexers{name: func(obj any) ([]string, error) {
		object, err := meta.Accessor(obj)
		if err != nil {
			return nil, err
		}
		return of(object), nil
	}})
}

// ByIndex returns the objects that an index holds under a value. They are shared
// with the cache.
func ByIndex[T any](informer cache.SharedIndexInformer, index, value string) []T {
	objects, _ := informer.GetIndexer().ByIndex(index, value) // the only error: no such index
	out := make([]T, len(objects))
	for i, obj := range objects {
		out[i] = obj.(T)
	}
	return out
}

// Key is an object's key in queues and caches: "namespace/name", or "name".
func Key(obj metav1.Object) string {
	if ns := obj.GetNamespace(); ns != "" {
		return ns + "/" + obj.GetName()
	}
	return obj.GetName()
}

// Strip is the transform of all informers: it drops what no controller reads and
// is often the larger half of an object.
func Strip(obj any) (any, error) {
	if object, err := meta.Accessor(obj); err == nil {
		object.SetManagedFields(nil)
	}
	return obj, nil
}
