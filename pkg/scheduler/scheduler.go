package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/scheduler/core"
)

const (
	// writers bounds the bindings and reports that are under way beside the loop.
	writers = 64
	// resync is how often all waiting pods are tried again, in case an event was missed.
	resync = 5 * time.Minute
)

// Scheduler is one scheduler of a cluster. Make it with New; call Follow
// once, and Lead while it may write.
type Scheduler struct {
	config   Config
	client   kubernetes.Interface
	recorder events.EventRecorder
	metrics  *metrics
	pods     corelisters.PodLister

	// known is closed when all that existed at the start has been seen.
	known chan struct{}
	// changed holds a token when the queue may have something to do.
	changed chan struct{}

	// mu guards what follows. A decision is made while it is held.
	mu       sync.Mutex
	snapshot *core.Snapshot
	queue    *queue
	// nodeVersions are the nodes' resourceVersions: half of a binding's cause.
	nodeVersions map[string]string
}

// New makes a scheduler that writes with client and reports with recorder.
func New(config Config, client kubernetes.Interface, recorder events.EventRecorder) *Scheduler {
	return &Scheduler{
		config:       config,
		client:       client,
		recorder:     recorder,
		metrics:      newMetrics(config.SchedulerName),
		known:        make(chan struct{}),
		changed:      make(chan struct{}, 1),
		snapshot:     core.NewSnapshot(),
		queue:        newQueue(config.PodInitialBackoff, config.PodMaxBackoff),
		nodeVersions: map[string]string{},
	}
}

// Follow keeps the scheduler's picture of the cluster current until ctx ends. A standby does so
// too, so that it is warm when it takes over.
func (s *Scheduler) Follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactory(s.client, 0)
	synced, err := s.watchAll(factory)
	if err != nil {
		cancel()
		return fmt.Errorf("watching: %w", err)
	}
	factory.StartWithContext(ctx)
	defer func() {
		cancel()
		factory.Shutdown() // waits for the informers, which end with ctx
	}()
	if cache.WaitFor(ctx, "", synced...) {
		slog.Info("Cluster is known", "nodes", s.nodes())
		close(s.known)
	}
	<-ctx.Done()
	return nil
}

// Lead decides until ctx ends, once Follow has seen all there is. It returns after its last write has been
// answered or given up.
func (s *Scheduler) Lead(ctx context.Context) error {
	select {
	case <-s.known:
		s.loop(ctx)
	case <-ctx.Done():
	}
	return nil
}

// Known is the readiness check: nil once Follow has seen all there is.
func (s *Scheduler) Known(context.Context) error {
	select {
	case <-s.known:
		return nil
	default:
		return errors.New("the cluster's nodes and pods are still being listed")
	}
}

// loop decides until ctx ends, and then waits for what it has under way.
func (s *Scheduler) loop(ctx context.Context) {
	var writes errgroup.Group
	writes.SetLimit(writers)
	defer writes.Wait()
	again := time.NewTicker(resync)
	defer again.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for ctx.Err() == nil {
		write, next := s.step(ctx)
		switch {
		case write != nil:
			writes.Go(func() error { write(); return nil })
			continue
		case next.IsZero():
			due.Stop()
		default:
			due.Reset(time.Until(next))
		}
		select {
		case <-s.changed:
		case <-due.C:
		case <-again.C:
			s.wakeAll()
		case <-ctx.Done():
		}
	}
}

// step makes one decision and returns what is to be written because of it. Without a pod that is due
// it returns when one will be; zero means not before something changes.
func (s *Scheduler) step(ctx context.Context) (write func(), next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	it := s.queue.pop(now)
	if it == nil {
		next, _ = s.queue.next(now)
		return nil, next
	}
	decision := s.snapshot.Decide(it.pod)
	if decision.Node == "" {
		s.metrics.attempt("unschedulable", now)
		return s.refused(ctx, it, decision), now
	}
	s.metrics.attempt("scheduled", now)
	bound := s.assume(it, decision.Node)
	ctx = s.caused(ctx, it, decision.Node)
	return func() { s.bind(ctx, it, bound) }, now
}

// assume lets the snapshot have the pod on its node before the API server has heard of it, and returns
// the pod as it will be.
func (s *Scheduler) assume(it *item, node string) *v1.Pod {
	bound := *it.pod.Pod
	bound.Spec.NodeName = node
	if _, err := s.snapshot.SetPod(&bound); err != nil {
		slog.Error("A pod that could be decided cannot be placed", "pod", podName(&bound), "err", err)
	}
	s.happened(podPlaced, node, cause.Of(it.pod, "pods"))
	return &bound
}

// wakeAll tries every waiting pod again.
func (s *Scheduler) wakeAll() {
	s.mu.Lock()
	defer s.unlock()
	s.queue.wakeWhere(time.Now(), func(*item) bool { return true })
}

// unlock lets go of mu and lets the loop look at the queue.
func (s *Scheduler) unlock() {
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // it will look anyway
	}
}

func (s *Scheduler) nodes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot.Nodes()
}
