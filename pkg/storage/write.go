package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
)

// Op is another object that is created or deleted in the same transaction as
// a write: the IPAddress beside a Service. Either Create or Delete is set. What
// is created must not be there; what is deleted need not be.
type Op struct {
	Collection *Collection
	Create     api.Object
	Delete     types.NamespacedName
}

// Create stores a new object. It returns ErrExists if its key is taken and an
// *OpError if that of an Op is. It takes obj over, and the objects of Ops: nobody
// may change them afterwards.
//
// When it returns, the object is on disk and every later read sees it.
func (c *Collection) Create(ctx context.Context, obj api.Object, with ...Op) (*Record, error) {
	key, err := c.key(obj.GetNamespace(), obj.GetName())
	if err != nil {
		return nil, err
	}
	ctx, span := c.span(ctx, "Create etcd3", key)
	defer span.End()
	d, err := c.draft(key, nil, obj)
	if err != nil {
		return nil, err
	}
	record, err := c.store.commit(ctx, d, with)
	if errors.As(err, new(*lostError)) {
		err = fmt.Errorf("%w: %s", ErrExists, key)
	}
	return record, err
}

// Modify changes an object. It calls change with a copy of the present one, with
// its resourceVersion, or nil if there is none, and commits what change returns
// provided that nobody wrote in between; otherwise it calls change again with the newer state.
//
// change returns the object to store, which Modify takes over; nil to delete; or
// an error, which Modify passes on once it is sure that it is about the newest
// state. To store what is there already, byte for byte, writes nothing and
// returns the present record, unless there are Ops. After a delete the record is
// the last state at the revision of the delete.
//
// The errors of its own are ErrNotFound for the delete of what is not there,
// ErrCorrupt, and *OpError. When it returns, the change is on disk and every
// later read sees it.
func (c *Collection) Modify(ctx context.Context, namespace, name string, change func(current api.Object) (api.Object, error), with ...Op) (*Record, error) {
	key, err := c.key(namespace, name)
	if err != nil {
		return nil, err
	}
	ctx, span := c.span(ctx, "GuaranteedUpdate etcd3", key)
	defer span.End()
	// The first try trusts the cache. Its failure counts only if the cache was right.
	record, sure := c.cached(key), false
	for {
		d, err := c.changed(key, record, change)
		if err == nil && (d.fresh() || len(with) > 0) {
			var written *Record
			written, err = c.store.commit(ctx, d, with)
			lost := (*lostError)(nil)
			if !errors.As(err, &lost) {
				return written, err
			}
			if err := c.store.clock.wait(ctx, lost.at); err != nil {
				return nil, err
			}
			record, sure = c.cached(key), true
			continue
		}
		if !sure {
			if err := c.store.reach(ctx, Consistent); err != nil {
				return nil, err
			}
			if newest := c.cached(key); newest != record {
				record, sure = newest, true
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		return record, nil
	}
}

// changed runs change on record, nil if there is none, and drafts what it returned.
func (c *Collection) changed(key string, record *Record, change func(api.Object) (api.Object, error)) (*draft, error) {
	var current api.Object
	if record != nil {
		var err error
		if current, err = record.Object(); err != nil {
			return nil, err
		}
	}
	next, err := change(current)
	if err != nil {
		return nil, err
	}
	if next == nil && record == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return c.draft(key, record, next)
}

// draft prepares obj to become the state of key after previous. A nil obj deletes it.
func (c *Collection) draft(key string, previous *Record, obj api.Object) (*draft, error) {
	d := &draft{c: c, key: key, previous: previous}
	if obj == nil {
		return d, nil
	}
	if namespace, name := c.split(key); obj.GetName() != name || obj.GetNamespace() != namespace {
		return nil, fmt.Errorf("storage: %s/%s does not belong at %s", obj.GetNamespace(), obj.GetName(), key)
	}
	var err error
	d.obj = obj
	d.stored, err = encode(c.resource, obj)
	d.facts = c.factsOf(obj)
	return d, err
}

// fresh says whether d would change anything.
func (d *draft) fresh() bool {
	return d.stored == nil || d.previous == nil || !bytes.Equal(d.stored, d.previous.stored)
}
