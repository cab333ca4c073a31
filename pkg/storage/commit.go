package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// lostError says that an object changed after it was read for a write. At the
// revision at etcd holds something else.
type lostError struct {
	key string
	at  int64
}

func (e *lostError) Error() string { return fmt.Sprintf("%v: %s", ErrConflict, e.key) }
func (e *lostError) Unwrap() error { return ErrConflict }

// commit writes d and the Ops in one etcd transaction, waits until the caches
// hold it, and returns d's Record. The error is a *lostError if d's key is not what d
// replaces, and an *OpError if something that an Op creates is there.
func (s *Store) commit(ctx context.Context, d *draft, with []Op) (*Record, error) {
	list, err := s.draftOps(d, with)
	if err != nil {
		return nil, err
	}
	s.drafts.add(list)
	response, err := s.transact(ctx, list)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) { // somebody revoked it
		s.leases.forget()
		response, err = s.transact(ctx, list)
	}
	if err == nil && response.Succeeded {
		err = s.clock.wait(ctx, response.Header.Revision)
	}
	s.drafts.drop(list)
	switch {
	case err != nil && strings.Contains(err.Error(), ErrTooLarge.Error()): // of the member, or of a client of one
		return nil, ErrTooLarge
	case err != nil:
		return nil, fmt.Errorf("storage: write %s: %w", d.key, err)
	case response.Succeeded:
		return d.made(response.Header.Revision), nil
	}
	for i, r := range response.Responses[1:] {
		if len(r.GetResponseRange().Kvs) > 0 && list[i+1].obj != nil {
			err = &OpError{Key: list[i+1].key, Err: ErrExists}
		}
	}
	found := int64(0)
	if kvs := response.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
		found = kvs[0].ModRevision
	}
	if err == nil || found != d.expect() {
		err = &lostError{d.key, response.Header.Revision}
	}
	return nil, err
}

// draftOps returns d and the drafts of the Ops.
func (s *Store) draftOps(d *draft, with []Op) ([]*draft, error) {
	list := []*draft{d}
	for _, op := range with {
		name, obj := op.Delete, op.Create
		if obj != nil {
			name.Namespace, name.Name = obj.GetNamespace(), obj.GetName()
		}
		key, err := op.Collection.key(name.Namespace, name.Name)
		if err != nil {
			return nil, err
		}
		o, err := op.Collection.draft(key, nil, obj)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// transact writes the drafts if their guards hold, which all have but deletes
// beside the first; otherwise it reads which keys there are.
func (s *Store) transact(ctx context.Context, list []*draft) (*pb.TxnResponse, error) {
	request := &pb.TxnRequest{}
	for i, d := range list {
		key := []byte(d.key)
		if i == 0 || d.obj != nil {
			request.Compare = append(request.Compare, guard(key, d.expect()))
		}
		request.Failure = append(request.Failure, &pb.RequestOp{Request: &pb.RequestOp_RequestRange{
			RequestRange: &pb.RangeRequest{Key: key, KeysOnly: true}}})
		if d.obj == nil {
			request.Success = append(request.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
				RequestDeleteRange: &pb.DeleteRangeRequest{Key: key}}})
			continue
		}
		var lease clientv3.LeaseID
		if ttl := d.c.ttl(d); ttl > 0 {
			var err error
			if lease, err = s.leases.get(ctx, ttl); err != nil {
				return nil, err
			}
		}
		request.Success = append(request.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
			RequestPut: &pb.PutRequest{Key: key, Value: d.stored, Lease: int64(lease)}}})
	}
	defer s.observe(list[0].operation(), list[0].c, time.Now())
	response, err := s.etcd.Txn(ctx, request)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return response, rpctypes.Error(err)
}

// guard compares the revision of a key.
func guard(key []byte, revision int64) *pb.Compare {
	return &pb.Compare{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: revision}}
}

// ttl returns how long what d writes lives; 0 is forever.
func (c *Collection) ttl(d *draft) time.Duration {
	if c.resource.TTL == nil {
		return 0
	}
	return c.resource.TTL(d.obj)
}
