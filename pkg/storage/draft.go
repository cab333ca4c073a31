package storage

import (
	"bytes"
	"slices"
	"strconv"
	"sync"

	"slowmo/pkg/api"
)

// draft is a write of one key. When the feed meets its bytes it takes what the
// writer knows about them, so that nothing is decoded, and leaves the Record
// that it made, so that the writer, the readers and the watchers share one.
type draft struct {
	c        *Collection
	key      string
	previous *Record    // what the write replaces; nil if nothing may be there
	obj      api.Object // nil: the key is being deleted
	stored   []byte     // obj's
	facts    facts      // obj's
	record   *Record    // set by the feed, under the lock of drafts
}

// expect returns the guard of the write: the revision of the key, 0 for absent.
func (d *draft) expect() int64 {
	if d.previous == nil {
		return 0
	}
	return d.previous.Revision
}

// operation names the write for Etcd.Observe.
func (d *draft) operation() string {
	switch {
	case d.previous == nil:
		return "create"
	case d.obj == nil:
		return "delete"
	}
	return "update"
}

// made returns the Record of the write at revision.
func (d *draft) made(revision int64) *Record {
	if d.record != nil && d.record.Revision == revision {
		return d.record
	}
	// The feed did not meet it: it read everything anew just then.
	if d.obj == nil {
		return d.previous.at(revision)
	}
	return d.c.newRecord(d.key, d.stored, revision, d.facts)
}

// drafts are the writes under way.
type drafts struct {
	mu    sync.Mutex
	byKey map[string][]*draft
}

func (d *drafts) add(list []*draft) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey == nil {
		d.byKey = map[string][]*draft{}
	}
	for _, w := range list {
		d.byKey[w.key] = append(d.byKey[w.key], w)
	}
}

// drop takes the drafts out; after it the feed does not touch them any more.
func (d *drafts) drop(list []*draft) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range list {
		rest := slices.DeleteFunc(d.byKey[w.key], func(o *draft) bool { return o == w })
		if len(rest) == 0 {
			delete(d.byKey, w.key)
		} else {
			d.byKey[w.key] = rest
		}
	}
}

// adopt makes the Record of stored from a draft with the same bytes, or returns
// nil if there is none. Equal bytes make it right even if another writer stored them.
func (d *drafts) adopt(c *Collection, key string, stored []byte, revision int64) (*Record, api.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.byKey[key] {
		if w.obj != nil && w.record == nil && bytes.Equal(w.stored, stored) {
			w.obj.SetResourceVersion(strconv.FormatInt(revision, 10))
			w.record = c.newRecord(key, stored, revision, w.facts)
			return w.record, w.obj
		}
	}
	return nil, nil
}

// deleted gives the record of a delete to those who are deleting its key.
func (d *drafts) deleted(r *Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.byKey[r.Key] {
		if w.obj == nil {
			w.record = r
		}
	}
}
