package storage

import (
	"slices"
	"sync/atomic"
)

// change is one event of a collection.
type change struct {
	record   *Record // the new state; after a delete the last state at the delete's revision
	previous *Record // the state before; nil if the change created the object
	deleted  bool

	// gone is previous at the change's revision, for watchers whose selector the
	// object left; made on demand and shared by all of them.
	gone atomic.Pointer[Record]
}

func (c *change) revision() int64 { return c.record.Revision }

// left returns what watchers see deleted whose selector the object left.
func (c *change) left() *Record {
	if r := c.gone.Load(); r != nil {
		return r
	}
	c.gone.CompareAndSwap(nil, c.previous.at(c.revision()))
	return c.gone.Load()
}

// ring holds the newest changes of a collection, numbered without gaps. Its
// owner guards it with a lock.
type ring struct {
	changes []*change // in revision order
	first   uint64    // number of changes[0]
	floor   int64     // newest revision whose change may be missing: a watch can start after it, not before
	bytes   int       // stored bytes that the changes hold

	maxChanges, maxBytes int
}

// end returns the number that the next change will get.
func (r *ring) end() uint64 { return r.first + uint64(len(r.changes)) }

// add appends a change and drops old ones that no longer fit.
func (r *ring) add(c *change) {
	r.changes = append(r.changes, c)
	r.bytes += len(c.record.stored)
	n, over := 0, r.bytes
	for len(r.changes)-n > r.maxChanges || over > r.maxBytes && len(r.changes)-n > 1 {
		over -= len(r.changes[n].record.stored)
		n++
	}
	r.drop(n)
}

// drop forgets the oldest n changes. append moves the rest to a new array now
// and then, which gives the memory back.
func (r *ring) drop(n int) {
	for i, c := range r.changes[:n] {
		r.floor = c.revision()
		r.bytes -= len(c.record.stored)
		r.changes[i] = nil
	}
	r.changes = r.changes[n:]
	r.first += uint64(n)
}

// trim forgets the changes up to revision.
func (r *ring) trim(revision int64) {
	r.drop(int(r.after(revision) - r.first))
	r.changes = slices.Clone(r.changes)
}

// after returns the number of the first change beyond revision.
func (r *ring) after(revision int64) uint64 {
	i, _ := slices.BinarySearchFunc(r.changes, revision+1, func(c *change, revision int64) int {
		if c.revision() < revision {
			return -1
		}
		return 1
	})
	return r.first + uint64(i)
}

// reset forgets all, and skips a number so that every cursor is outside.
func (r *ring) reset(revision int64) {
	r.first, r.floor = r.end()+1, revision
	r.changes, r.bytes = nil, 0
}
