package storage

import (
	"context"
	"sync"
	"sync/atomic"
)

// clock is the revision that the caches have reached, and those who wait for it.
type clock struct {
	revision atomic.Int64 // only advance writes it

	mu      sync.Mutex
	waiters []waiter // by revision, each beyond clock.revision
	stopped error    // why the revision will not grow any more
}

type waiter struct {
	revision int64
	reached  chan struct{} // closed when it is, or when the clock stops
}

// now returns the revision up to which every change is in the caches.
func (c *clock) now() int64 { return c.revision.Load() }

// advance says that the caches hold all changes up to revision.
func (c *clock) advance(revision int64) {
	if revision <= c.now() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision.Store(revision)
	n := 0
	for n < len(c.waiters) && c.waiters[n].revision <= revision {
		close(c.waiters[n].reached)
		n++
	}
	c.waiters = append(c.waiters[:0], c.waiters[n:]...)
}

// stop fails all waiters, present and future, with err.
func (c *clock) stop(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = err
	for _, w := range c.waiters {
		close(w.reached)
	}
	c.waiters = nil
}

// wait blocks until the caches hold all changes up to revision, which must be
// one that etcd has reached. A waiter that gives up stays in the list until then.
func (c *clock) wait(ctx context.Context, revision int64) error {
	if revision <= c.now() {
		return nil
	}
	reached, err := c.enlist(revision)
	if reached == nil {
		return err
	}
	select {
	case <-reached:
	case <-ctx.Done():
		return ctx.Err()
	}
	if revision <= c.now() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// enlist returns a channel to wait on, or nil if there is nothing to wait for.
func (c *clock) enlist(revision int64) (<-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if revision <= c.now() {
		return nil, nil
	}
	if c.stopped != nil {
		return nil, c.stopped
	}
	w := waiter{revision, make(chan struct{})}
	// Waiters mostly come in order: look for the place from the end.
	i := len(c.waiters)
	for i > 0 && c.waiters[i-1].revision > revision {
		i--
	}
	c.waiters = append(c.waiters, waiter{})
	copy(c.waiters[i+1:], c.waiters[i:])
	c.waiters[i] = w
	return w.reached, nil
}
