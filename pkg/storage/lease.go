package storage

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// leases gives objects with a time to live their etcd lease. A lease serves all that
// are written within a minute, or a twentieth of the time if that is more,
// and lives that much longer; one for each object would cost more than the objects.
type leases struct {
	client *clientv3.Client

	mu   sync.Mutex
	live map[time.Duration]lease // the newest of each time to live
}

type lease struct {
	id    clientv3.LeaseID
	until time.Time // when it is too old to be given to more objects
	uses  int
}

// leaseUses bounds how many deletes the end of a lease brings at once.
const leaseUses = 1000

// forget makes get grant new leases.
func (l *leases) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.live)
}

// get returns a lease that lasts at least ttl from now.
func (l *leases) get(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if have, ok := l.live[ttl]; ok && now.Before(have.until) && have.uses < leaseUses {
		have.uses++
		l.live[ttl] = have
		return have.id, nil
	}
	window := max(time.Minute, ttl/20)
	granted, err := l.client.Grant(ctx, int64(math.Ceil((ttl + window).Seconds())))
	if err != nil {
		return 0, fmt.Errorf("storage: lease for %s: %w", ttl, err)
	}
	if l.live == nil {
		l.live = map[time.Duration]lease{}
	}
	l.live[ttl] = lease{granted.ID, now.Add(window), 1}
	return granted.ID, nil
}
