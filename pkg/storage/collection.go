package storage

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/btree"

	"slowmo/pkg/api"
)

// Collection holds the objects of one resource. It is safe for concurrent use.
type Collection struct {
	store    *Store
	resource *api.Resource
	prefix   string

	// current is what there is now. Readers take it and need no lock. It and the
	// ring change together under mu, so that a watch can begin where a list ends.
	current atomic.Pointer[snapshot]

	// working is the tree that the feed changes; each snapshot is a copy-on-write
	// clone of it. Only the feed uses it.
	working *btree.BTreeG[*Record]

	mu        sync.RWMutex
	ring      ring
	audiences audiences

	kept kept
}

// snapshot is the state of a collection at some time. It never changes.
type snapshot struct {
	tree     *btree.BTreeG[*Record] // by key
	revision int64                  // of the newest change in it, or of the reading that made it
}

func newTree() *btree.BTreeG[*Record] {
	return btree.NewG(32, func(a, b *Record) bool { return a.Key < b.Key })
}

func newCollection(s *Store, r *api.Resource) *Collection {
	c := &Collection{store: s, resource: r, prefix: prefixOf(r)}
	c.ring.maxChanges, c.ring.maxBytes = ringChanges, ringBytes
	c.fill(newTree(), 0)
	return c
}

// Resource returns the resource whose objects c holds.
func (c *Collection) Resource() *api.Resource { return c.resource }

// Changed returns the revision of the newest change that the cache has of the
// collection, or of the reading that filled it.
func (c *Collection) Changed() int64 { return c.current.Load().revision }

// Len returns how many objects there are.
func (c *Collection) Len() int { return c.current.Load().tree.Len() }

// Revisions for Get and Watch that ask for no particular one.
const (
	Any        int64 = 0  // whatever is cached
	Consistent int64 = -1 // what etcd holds when the read begins, or newer
)

// Get returns the record of an object. revision is the least that the answer must
// reflect, or Any, or Consistent. The errors are ErrNotFound, ErrFuture and ErrCorrupt.
func (c *Collection) Get(ctx context.Context, namespace, name string, revision int64) (*Record, error) {
	key, err := c.key(namespace, name)
	if err != nil {
		return nil, err
	}
	ctx, span := c.span(ctx, "cacher.Get", key)
	defer span.End()
	if err := c.store.reach(ctx, revision); err != nil {
		return nil, err
	}
	r := c.cached(key)
	if r == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return r, r.corrupt
}

// cached returns the newest record of key that the cache has, or nil.
func (c *Collection) cached(key string) *Record {
	r, _ := c.current.Load().tree.Get(&Record{Key: key})
	return r
}

// walk calls visit for the records whose keys begin with prefix and are not
// below from, in order, until it returns false.
func (s *snapshot) walk(prefix, from string, visit func(*Record) bool) {
	s.tree.AscendGreaterOrEqual(&Record{Key: max(prefix, from)}, func(r *Record) bool {
		return strings.HasPrefix(r.Key, prefix) && visit(r)
	})
}

// fill replaces everything by tree, read at revision. What lay between is
// unknown, so watchers expire. Only the feed, or Open before there is one, calls it.
func (c *Collection) fill(tree *btree.BTreeG[*Record], revision int64) {
	c.working = tree
	c.mu.Lock()
	c.ring.reset(revision)
	c.current.Store(&snapshot{tree.Clone(), revision})
	c.audiences.markAll(c.ring.end() - 1)
	c.audiences.fire()
	c.mu.Unlock()
	c.wake()
}

// put makes stored the state of key in the working tree.
func (c *Collection) put(key string, stored []byte, revision int64) *change {
	previous, ok := c.working.Get(&Record{Key: key})
	if ok {
		key = previous.Key // one string for all revisions
	}
	record, obj := c.store.drafts.adopt(c, key, stored, revision)
	if record != nil {
		c.store.warm.hold(record, obj)
	} else {
		record = c.readRecord(key, stored, revision)
	}
	neighbour := previous
	if neighbour == nil {
		neighbour = c.before(key)
	}
	record.share(neighbour)
	c.working.ReplaceOrInsert(record)
	return &change{record: record, previous: previous}
}

// before returns the last record of the working tree up to key, or nil.
func (c *Collection) before(key string) (found *Record) {
	c.working.DescendLessOrEqual(&Record{Key: key}, func(r *Record) bool {
		found = r
		return false
	})
	return found
}

// remove takes key out of the working tree. It returns nil if it is not there.
func (c *Collection) remove(key string, revision int64) *change {
	previous, ok := c.working.Delete(&Record{Key: key})
	if !ok {
		return nil
	}
	record := previous.at(revision)
	c.store.drafts.deleted(record)
	return &change{record: record, previous: previous, deleted: true}
}

// publish shows changes, which the working tree already holds, to readers and watchers.
func (c *Collection) publish(changes []*change) {
	s := &snapshot{c.working.Clone(), changes[len(changes)-1].revision()}
	c.mu.Lock()
	c.current.Store(s)
	for _, ch := range changes {
		c.audiences.mark(ch, c.ring.end())
		c.ring.add(ch)
	}
	c.audiences.fire()
	c.mu.Unlock()
	c.wake()
}

// forget drops what history before revision the collection holds in memory.
func (c *Collection) forget(revision int64) {
	c.kept.forget(revision)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring.trim(revision)
}
