package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/btree"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// retryFollow is how long follow waits before it watches again after etcd refused.
const retryFollow = time.Second

// follow applies etcd's events to the caches until ctx ends. It watches every
// key, not only /registry/, so that each revision there is comes by: the clock
// needs no other news to know that it has reached a revision.
func (s *Store) follow(ctx context.Context) {
	for {
		err := s.etcd.Watch(ctx, s.clock.now()+1, s.apply)
		if ctx.Err() != nil {
			return
		}
		slog.Warn("storage: the cache lost etcd's events", "err", err)
		if errors.Is(err, rpctypes.ErrCompacted) {
			// What was missed is gone. Start again from what there is; watchers expire.
			if err = s.load(ctx); err == nil {
				continue
			}
			slog.Warn("storage: cannot read everything anew", "err", err)
		}
		select {
		case <-time.After(retryFollow):
		case <-ctx.Done():
			return
		}
	}
}

// watchClient is Etcd.Watch by the client, which reconnects by itself: what it
// returns are refusals.
func (s *Store) watchClient(ctx context.Context, revision int64, apply func([]*mvccpb.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A server that lost its leader would be silent for ever.
	responses := s.etcd.Client.Watch(clientv3.WithRequireLeader(ctx), "", clientv3.WithPrefix(), clientv3.WithRev(revision))
	var events []*mvccpb.Event
	for response := range responses {
		if err := response.Err(); err != nil {
			return err
		}
		events = events[:0]
		for _, e := range response.Events {
			events = append(events, (*mvccpb.Event)(e))
		}
		apply(events)
	}
	return errors.New("etcd ended the watch")
}

// apply brings the events of whole revisions into the caches: first to readers
// and watchers, then to those who wait for the revision.
func (s *Store) apply(events []*mvccpb.Event) {
	changes := map[*Collection][]*change{}
	for _, e := range events {
		key, revision := string(e.Kv.Key), e.Kv.ModRevision
		c := s.locate(key)
		if c == nil {
			continue
		}
		var ch *change
		if e.Type == mvccpb.Event_DELETE {
			ch = c.remove(key, revision)
		} else {
			ch = c.put(key, e.Kv.Value, revision)
		}
		if ch == nil {
			continue
		}
		if ch.record.corrupt != nil {
			slog.Error("Ignoring what is stored", "err", ch.record.corrupt)
		}
		changes[c] = append(changes[c], ch)
	}
	for c, list := range changes {
		c.publish(list)
	}
	if n := len(events); n > 0 {
		s.clock.advance(events[n-1].Kv.ModRevision)
	}
}

// load fills all collections with what etcd holds now.
func (s *Store) load(ctx context.Context) error {
	for {
		revision, err := s.etcd.ReadIndex(ctx)
		if err != nil {
			return err
		}
		err = s.loadAt(ctx, revision)
		if errors.Is(err, rpctypes.ErrCompacted) {
			continue // somebody compacted meanwhile
		}
		if err != nil {
			return err
		}
		s.clock.advance(revision)
		return nil
	}
}

func (s *Store) loadAt(ctx context.Context, revision int64) error {
	for _, c := range s.collections {
		tree, err := c.load(ctx, revision)
		if err != nil {
			return err
		}
		c.fill(tree, revision)
	}
	return nil
}

// loadPage is how many objects one request to etcd reads.
const loadPage = 1000

// load reads the collection as it was at revision. The error may be etcd's ErrCompacted.
func (c *Collection) load(ctx context.Context, revision int64) (*btree.BTreeG[*Record], error) {
	tree := newTree()
	var neighbour *Record
	end := clientv3.GetPrefixRangeEnd(c.prefix)
	for from := c.prefix; ; {
		start := time.Now()
		response, err := c.store.etcd.Client.Get(ctx, from, clientv3.WithRange(end),
			clientv3.WithRev(revision), clientv3.WithLimit(loadPage))
		c.store.observe("list", c, start)
		if err != nil {
			return nil, fmt.Errorf("storage: read %s: %w", c.prefix, err)
		}
		for _, kv := range response.Kvs {
			r := c.readRecord(string(kv.Key), kv.Value, kv.ModRevision)
			if r.corrupt != nil {
				slog.Error("Ignoring what is stored", "err", r.corrupt)
			}
			r.share(neighbour)
			neighbour = r
			tree.ReplaceOrInsert(r)
		}
		if !response.More {
			return tree, nil
		}
		from = string(response.Kvs[len(response.Kvs)-1].Key) + "\x00"
	}
}
