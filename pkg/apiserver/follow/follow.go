// Package follow keeps the server's own indexes in step with the storage cache.
//
// An index (who may do what, which node needs which secret) is set one object
// at a time. A Follower calls its set function for everything that there is,
// once and in the caller's goroutine, when Load is called, and for each change after that while
// Run runs:
//
//	f := follow.New(store.Collection(rbac.Role), policy.SetRole)
//	err := f.Load(ctx)  // the index is complete when this returns
//	err = f.Run(ctx)    // blocks
//
// The set function sees the changes of an object in order, and never two at
// once. A change may be skipped when a newer one is there. Reach waits until it
// has seen all that the storage cache has.
package follow

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// Follower is one collection's. Load must have returned before Run is called.
type Follower interface {
	Load(ctx context.Context) error
	Run(ctx context.Context) error
	// Reach returns when the index has what the storage cache has at the call. Run
	// must be running.
	Reach(ctx context.Context) error
}

// New returns a Follower of c, whose objects are of type T. set is called with
// a copy of its own that it may keep, or with the zero T when the object is gone.
func New[T api.Object](c *storage.Collection, set func(namespace, name string, obj T)) Follower {
	return &follower[T]{collection: c, set: set, known: map[types.NamespacedName]bool{}, moved: make(chan struct{})}
}

type follower[T api.Object] struct {
	collection *storage.Collection
	set        func(namespace, name string, obj T)

	known map[types.NamespacedName]bool // what set was last called with an object for

	mu       sync.Mutex
	revision int64         // up to which set has been called
	moved    chan struct{} // closed, and another made, when revision changes
}

// reached notes that set has been called for all up to revision.
func (f *follower[T]) reached(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision = revision
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *follower[T]) progress() (revision int64, moved chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision, f.moved
}

func (f *follower[T]) Reach(ctx context.Context) error {
	for wanted := f.collection.Changed(); ; {
		revision, moved := f.progress()
		if revision >= wanted {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Load sets all there is and clears what was known and is gone.
func (f *follower[T]) Load(ctx context.Context) error {
	page, err := f.collection.List(ctx, storage.ListOptions{Match: storage.MatchAny})
	if err != nil {
		return err
	}
	gone := f.known
	f.known = make(map[types.NamespacedName]bool, len(page.Records))
	for _, record := range page.Records {
		delete(gone, types.NamespacedName{Namespace: record.Namespace, Name: record.Name})
		if err := f.put(record); err != nil {
			return err
		}
	}
	for name := range gone {
		f.remove(name)
	}
	f.reached(page.Revision)
	return nil
}

// Run follows until ctx is done. A follower that fell too far behind loads
// everything again.
func (f *follower[T]) Run(ctx context.Context) error {
	for {
		err := f.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, storage.ErrExpired) {
			err = f.Load(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (f *follower[T]) watch(ctx context.Context) error {
	revision, _ := f.progress()
	watcher, err := f.collection.Watch(ctx, storage.WatchOptions{Revision: revision})
	if err != nil {
		return err
	}
	defer watcher.Close()
	for {
		events, err := watcher.Next()
		if err != nil {
			return err
		}
		for _, event := range events {
			if err := f.apply(event); err != nil {
				return err
			}
		}
	}
}

func (f *follower[T]) apply(event storage.Event) error {
	defer f.reached(event.Revision)
	switch event.Type {
	case watch.Added, watch.Modified:
		return f.put(event.Record)
	case watch.Deleted:
		f.remove(types.NamespacedName{Namespace: event.Record.Namespace, Name: event.Record.Name})
	}
	return nil
}

func (f *follower[T]) put(record *storage.Record) error {
	obj, err := record.Object()
	if err != nil {
		return err
	}
	f.known[types.NamespacedName{Namespace: record.Namespace, Name: record.Name}] = true
	f.set(record.Namespace, record.Name, obj.(T))
	return nil
}

func (f *follower[T]) remove(name types.NamespacedName) {
	var none T
	delete(f.known, name)
	f.set(name.Namespace, name.Name, none)
}

// Group follows several collections at once.
type Group []Follower

// Load loads all of them.
func (g Group) Load(ctx context.Context) error {
	for _, f := range g {
		if err := f.Load(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Reach waits for all of them.
func (g Group) Reach(ctx context.Context) error {
	for _, f := range g {
		if err := f.Reach(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Run follows all of them until ctx is done or one fails.
func (g Group) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range g {
		group.Go(func() error { return f.Run(ctx) })
	}
	return group.Wait()
}
