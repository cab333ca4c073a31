// Package fakeapi is client-go's fake API for tests of what watches it.
//
// The fake drops what happens between a client's list and its watch, which the
// real API does not. Await closes the gap: it returns when the watch is there.
package fakeapi

import (
	"context"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// API is a fake clientset that tells when it is watched.
type API struct {
	*fake.Clientset

	mu      sync.Mutex
	watches map[string]int // begun so far, by resource
	changed chan struct{}  // closed and replaced when one begins
}

// New makes one with these objects in it.
func New(objects ...runtime.Object) *API {
	a := &API{Clientset: fake.NewClientset(objects...), watches: map[string]int{}, changed: make(chan struct{})}
	a.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := a.Tracker().Watch(action.GetResource(), action.GetNamespace())
		a.mu.Lock()
		defer a.mu.Unlock()
		a.watches[action.GetResource().Resource]++
		close(a.changed)
		a.changed = make(chan struct{})
		return true, w, err
	})
	return a
}

// Await returns when a resource ("pods") has been watched that often since New.
func (a *API) Await(t *testing.T, resource string, times int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		a.mu.Lock()
		n, changed := a.watches[resource], a.changed
		a.mu.Unlock()
		if n >= times {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s were watched %d times, want %d", resource, n, times)
		}
	}
}
