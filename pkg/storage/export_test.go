package storage

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"slowmo/pkg/api"
)

// SetRing changes how much of the past c holds.
func (c *Collection) SetRing(changes, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.maxChanges, c.ring.maxBytes = changes, bytes
}

// RingLen returns how many changes c holds.
func (c *Collection) RingLen() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.ring.changes)
}

// KeptLen returns how many states of c are kept for lists to be continued.
func (c *Collection) KeptLen() int {
	c.kept.mu.Lock()
	defer c.kept.mu.Unlock()
	return len(c.kept.snapshots)
}

// Forget is what a turn of compaction does to the memory.
func (c *Collection) Forget(revision int64) { c.forget(revision) }

// BookmarkNow makes w's next bookmark due.
func (w *Watcher) BookmarkNow() { w.bookmark = time.Now() }

// Compactor takes turns by hand.
type Compactor struct{ c compactor }

// Next takes a turn and returns the revision that the next one would drop up to.
func (c *Compactor) Next(ctx context.Context, client *clientv3.Client) (int64, error) {
	err := c.c.next(ctx, client)
	return c.c.revision, err
}

// Decode decodes stored bytes.
func Decode(r *api.Resource, data []byte) (api.Object, error) { return decode(r, data, 1) }

// Encode encodes an object as it is stored.
func Encode(r *api.Resource, obj api.Object) ([]byte, error) { return encode(r, obj) }

// StartOf returns the start key of a continue token.
func StartOf(continueToken string) (string, error) {
	t, err := parseToken(continueToken)
	return t.Start, err
}
