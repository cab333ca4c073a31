package clients

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"slowmo/test/live"
)

// contender runs for leadership until its context ends.
type contender struct {
	name  string
	stop  context.CancelFunc
	ended chan struct{}
}

// stand makes a contender that tells led when it leads. leaders counts those that do.
func stand(t *testing.T, s *live.APIServer, name string, led chan<- string, leaders *atomic.Int32) *contender {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &contender{name, cancel, make(chan struct{})}
	lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Namespace: "default", Name: "crown"},
		Client: s.Client(t).CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: name}}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 100 * time.Millisecond, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				if leaders.Add(1) > 1 {
					t.Errorf("%s leads beside another", name)
				}
				led <- name
				<-ctx.Done()
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      func(string) {},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		elector.Run(ctx)
	}()
	t.Cleanup(c.resign)
	return c
}

// resign ends the contender and waits until it has.
func (c *contender) resign() {
	c.stop()
	<-c.ended
}

// TestLeaderElection: of two one leads, also while the server is away; the other follows at once.
func TestLeaderElection(t *testing.T) {
	s := started(t)
	led, leaders := make(chan string, 10), &atomic.Int32{}
	first := stand(t, s, "first", led, leaders)
	if name := next(t, led); name != "first" {
		t.Fatalf("%s leads", name)
	}
	stand(t, s, "second", led, leaders)
	s.Kill()
	s.Start(t)
	lease, err := s.Client(t).CoordinationV1().Leases("default").Get(t.Context(), "crown", metav1.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "first" {
		t.Fatalf("after a restart the lease is %v, %v", lease, err)
	}
	select {
	case name := <-led:
		t.Fatalf("%s leads too", name)
	case <-first.ended:
		t.Fatal("the leader gave up")
	default:
	}
	leaders.Add(-1)
	first.resign()
	if name := next(t, led); name != "second" {
		t.Fatalf("%s leads after the first resigned", name)
	}
	lease, err = s.Client(t).CoordinationV1().Leases("default").Get(t.Context(), "crown", metav1.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "second" || *lease.Spec.LeaseTransitions < 1 {
		t.Fatalf("the lease is %v, %v", lease, err)
	}
}
