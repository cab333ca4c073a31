package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
)

// Etcd is what a Store needs of etcd: a member in this process or servers outside.
type Etcd struct {
	Client *clientv3.Client

	// ReadIndex returns a revision that is at least that of every transaction
	// that was acknowledged, by any server, before the call.
	ReadIndex func(ctx context.Context) (revision int64, err error)

	// Txn is etcd's own request, for the writes: the client would copy all that is in it.
	Txn func(ctx context.Context, request *pb.TxnRequest) (*pb.TxnResponse, error)

	// Watch follows every key from a revision on: it calls apply with the events
	// of whole revisions, in order, until ctx ends or etcd refuses, with
	// rpctypes.ErrCompacted if the revision is gone. If it is not set, Client watches.
	Watch func(ctx context.Context, revision int64, apply func(events []*mvccpb.Event)) error

	// Observe, if set, is told how long each request for objects took, named as in
	// etcd_request_duration_seconds: create, update, delete, list. It must be
	// quick and safe for concurrent use.
	Observe func(operation string, resource schema.GroupResource, took time.Duration)
}

// Store keeps the objects of all resources. It is safe for concurrent use.
type Store struct {
	etcd        Etcd
	collections []*Collection
	byPrefix    map[string]*Collection // by "/registry/pods/"
	byResource  map[*api.Resource]*Collection

	clock  clock
	drafts drafts
	warm   warm
	leases leases
}

// How much of the past a collection's watchers can be behind: so many changes,
// and so many bytes of stored objects. Run forgets all that is older than etcd's history.
const (
	ringChanges = 10_000
	ringBytes   = 10 << 20
)

// Open reads everything there is and returns a Store with full caches. It must
// Run for them to follow. Each resource must be there once.
func Open(ctx context.Context, e Etcd, resources []*api.Resource) (*Store, error) {
	s := &Store{
		etcd:       e,
		byPrefix:   make(map[string]*Collection, len(resources)),
		byResource: make(map[*api.Resource]*Collection, len(resources)),
	}
	s.leases.client = e.Client
	if e.Watch == nil {
		s.etcd.Watch = s.watchClient
	}
	for _, r := range resources {
		if r.Virtual {
			continue
		}
		c := newCollection(s, r)
		if other := s.byPrefix[c.prefix]; other != nil {
			return nil, fmt.Errorf("storage: %s and %s are both stored below %s", other.resource.GroupResource(), r.GroupResource(), c.prefix)
		}
		s.collections = append(s.collections, c)
		s.byPrefix[c.prefix], s.byResource[r] = c, c
	}
	return s, s.load(ctx)
}

// errStopped is what waits for etcd's events after the Store has stopped.
var errStopped = errors.New("storage: the cache does not follow etcd any more")

// Run follows etcd and compacts its history until ctx ends, and returns nil.
// After it nothing can be written or consistently read. It must be called once.
func (s *Store) Run(ctx context.Context) error {
	defer s.clock.stop(errStopped)
	var wg sync.WaitGroup
	wg.Go(func() { s.compact(ctx) })
	s.follow(ctx)
	wg.Wait()
	return nil
}

// Collection returns the collection of r, or nil if r was not given to Open or
// is virtual.
func (s *Store) Collection(r *api.Resource) *Collection { return s.byResource[r] }

// Revision returns the newest revision that the caches hold.
func (s *Store) Revision() int64 { return s.clock.now() }

// Ready returns nil if etcd answers and the caches follow it.
func (s *Store) Ready(ctx context.Context) error { return s.reach(ctx, Consistent) }

// observe reports a request for objects of c that began at start.
func (s *Store) observe(operation string, c *Collection, start time.Time) {
	if s.etcd.Observe != nil {
		s.etcd.Observe(operation, c.resource.GroupResource(), time.Since(start))
	}
}

// reach waits until the caches hold all changes up to revision, which may be
// Any or Consistent.
func (s *Store) reach(ctx context.Context, revision int64) error {
	if revision == Any || revision > 0 && revision <= s.clock.now() {
		return nil
	}
	index, err := s.etcd.ReadIndex(ctx)
	if err != nil {
		return err
	}
	if revision > index {
		return &FutureError{Requested: revision, Current: index}
	}
	if revision > 0 {
		index = revision
	}
	return s.clock.wait(ctx, index)
}
