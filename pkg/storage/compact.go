package storage

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// compactEvery is how long etcd keeps history at least; it keeps twice as much at most.
const compactEvery = 5 * time.Minute

// compactKey is upstream's: whoever moves its version from the one it has seen
// compacts for all servers of an etcd. Its value is the revision at that time.
const compactKey = "compact_rev_key"

// compactor remembers the turn before.
type compactor struct {
	turn     int64 // version of compactKey
	revision int64 // at that turn; 0 before the first
}

// compact drops history until ctx ends. Failures are logged: the next turn makes up for them.
func (s *Store) compact(ctx context.Context) {
	ticker := time.NewTicker(compactEvery)
	defer ticker.Stop()
	var c compactor
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		// What no continue token or watch can ask etcd for any more need not be
		// in memory either.
		old := c.revision
		if err := c.next(ctx, s.etcd.Client); err != nil {
			slog.Warn("storage: cannot compact etcd's history", "err", err)
			continue
		}
		for _, collection := range s.collections {
			collection.forget(old)
		}
	}
}

// next takes a turn: if nobody else took it, what was history at the turn before goes.
func (c *compactor) next(ctx context.Context, client *clientv3.Client) error {
	now := strconv.FormatInt(c.revision, 10)
	response, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.Version(compactKey), "=", c.turn)).
		Then(clientv3.OpPut(compactKey, now)).
		Else(clientv3.OpGet(compactKey)).
		Commit()
	if err != nil {
		return err
	}
	old := c.revision
	c.revision = response.Header.Revision
	if !response.Succeeded {
		c.turn = 0
		if kvs := response.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
			c.turn = kvs[0].Version
		}
		return nil
	}
	c.turn++
	if old == 0 {
		return nil
	}
	_, err = client.Compact(ctx, old)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil // somebody wanted less history than we do
	}
	return err
}
