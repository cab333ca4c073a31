package pods

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/plan"
	"slowmo/pkg/kubelet/probe"
	"slowmo/pkg/kubelet/status"
)

// worker drives one pod. Others leave it messages (the methods in this file
// below run); its own goroutine, in run, is the only one to act on the pod.
type worker struct {
	m   *Manager
	uid types.UID

	mu    sync.Mutex
	inbox inbox
	// interrupt ends what run is doing, if the pod is to end (sooner); nil when
	// there is nothing that could be cut short.
	interrupt context.CancelFunc
	wake      chan struct{}   // capacity 1: inbox changed
	killed    map[string]bool // ids of containers that were told to stop
	shown     *v1.PodStatus   // the status as last built; nil before

	// The rest belongs to run.

	unknown bool // the runtime has nothing of the pod, and need not be asked
	volumes Volumes
	mounts  mounts
	images  map[string]*runtimeapi.Image // found on the node during this pass, by the spec's name
	writer  *status.Writer
	last    *v1.PodStatus // the last one that was built; nil before
	probes  map[string]*probe.Runner
	// backoffs and retry are by container name: what crashes taught, and when to
	// try again what could not be started.
	backoffs map[string]plan.Backoff
	retry    map[string]time.Time
	waiting  map[string]v1.ContainerStateWaiting
	messages map[string]string                  // termination messages by container id
	applied  map[string]v1.ResourceRequirements // by container id: what its cgroup was told
	held     int64                              // the generation of the pod whose objects are held
	// sandboxRetry is when to try again to make a sandbox.
	sandboxRetry retryTimer
	stopSince    time.Time // when the pod was first told to stop
	started      bool      // its start was counted in the metrics
	finished     bool      // nothing of the pod is left on the node
}

// inbox is what others told a worker. It is copied whole.
type inbox struct {
	pod     *v1.Pod // newest known
	gone    bool    // no longer in the API
	verdict *status.Verdict
	causes  cause.Set
	exits   map[string]bool // ids of containers that ended, not looked at yet
	dirty   bool            // an object that the pod uses changed
	network bool            // the node's network became ready
	seen    time.Time       // when the pod was first heard of
}

func newWorker(m *Manager, pod *v1.Pod) *worker {
	w := &worker{
		m: m, uid: pod.UID,
		inbox:    inbox{pod: pod, exits: map[string]bool{}, seen: time.Now()},
		wake:     make(chan struct{}, 1),
		killed:   map[string]bool{},
		volumes:  m.Volumes(pod.UID),
		images:   map[string]*runtimeapi.Image{},
		writer:   status.NewWriter(m.Client.CoreV1(), pod),
		probes:   map[string]*probe.Runner{},
		backoffs: map[string]plan.Backoff{},
		retry:    map[string]time.Time{},
		waiting:  map[string]v1.ContainerStateWaiting{},
		messages: map[string]string{},
		applied:  map[string]v1.ResourceRequirements{},
	}
	w.inbox.causes = w.inbox.causes.With(cause.Of(pod, "pods"))
	return w
}

// tell changes the inbox and wakes the worker.
func (w *worker) tell(change func(*inbox)) {
	w.mu.Lock()
	change(&w.inbox)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// update is a newer state of the pod from the API.
func (w *worker) update(pod *v1.Pod) {
	w.writer.Observed(pod)
	w.mu.Lock()
	old := w.inbox.pod
	if !matters(old, pod) {
		w.inbox.pod = pod
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	w.tell(func(in *inbox) {
		in.pod = pod
		in.causes = in.causes.With(cause.Of(pod, "pods"))
		if w.interrupt != nil && sooner(old, pod) {
			w.interrupt()
		}
	})
}

// matters tells whether a worker has anything to do about a change: its own
// status writes come back by the watch, and need no second look.
func matters(old, pod *v1.Pod) bool {
	return old.Generation != pod.Generation ||
		(old.DeletionTimestamp == nil) != (pod.DeletionTimestamp == nil) || sooner(old, pod) ||
		!maps.Equal(old.Labels, pod.Labels) || !maps.Equal(old.Annotations, pod.Annotations) ||
		status.OthersChanged(&old.Status, &pod.Status)
}

// sooner tells whether a pod is to end and was not, or with less grace.
func sooner(old, pod *v1.Pod) bool {
	if pod.DeletionTimestamp == nil {
		return false
	}
	return old.DeletionTimestamp == nil || grace(pod) < grace(old)
}

// grace is how long the pod's containers have to end.
func grace(pod *v1.Pod) time.Duration {
	seconds := int64(v1.DefaultTerminationGracePeriodSeconds)
	switch {
	case pod.DeletionGracePeriodSeconds != nil:
		seconds = *pod.DeletionGracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		seconds = *pod.Spec.TerminationGracePeriodSeconds
	}
	return time.Duration(seconds) * time.Second
}

// deleted tells that the pod is no longer in the API; pod is its last state.
func (w *worker) deleted(pod *v1.Pod) {
	w.writer.Gone()
	w.tell(func(in *inbox) {
		if w.interrupt != nil {
			w.interrupt()
		}
		in.pod, in.gone = pod, true
		in.causes = in.causes.With(cause.Of(pod, "pods"))
	})
}

// exited tells that a container or the sandbox with that id ended.
func (w *worker) exited(id string) {
	w.tell(func(in *inbox) { in.exits[id] = true })
}

// changed tells that an object changed which the pod uses.
func (w *worker) changed(by cause.Ref) {
	w.tell(func(in *inbox) { in.dirty, in.causes = true, in.causes.With(by) })
}

// poke asks the worker to look again.
func (w *worker) poke() { w.tell(func(*inbox) {}) }

// evict fails the pod as a whole. The first verdict stays.
func (w *worker) evict(v status.Verdict) {
	w.tell(func(in *inbox) {
		if in.verdict == nil {
			in.verdict = &v
		}
		if w.interrupt != nil {
			w.interrupt()
		}
	})
}

// take empties the inbox of what is looked at once, and keeps a copy for the pass.
// stop is the context of what may be cut short when more news comes.
func (w *worker) take(ctx context.Context) (in inbox, stop context.Context) {
	stop, cancel := context.WithCancel(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	in = w.inbox
	w.inbox.causes, w.inbox.exits, w.inbox.dirty, w.inbox.network = nil, map[string]bool{}, false, false
	if w.interrupt != nil {
		w.interrupt()
	}
	w.interrupt = cancel
	return in, stop
}

// putBack keeps what a failed pass took, for the next one; it wakes nobody.
func (w *worker) putBack(in *inbox) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inbox.causes = in.causes.With(w.inbox.causes...)
	maps.Copy(w.inbox.exits, in.exits)
	w.inbox.dirty = w.inbox.dirty || in.dirty
}

// show is the pod with its status as last built.
func (w *worker) show() *v1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shown == nil {
		return w.inbox.pod
	}
	pod := *w.inbox.pod
	pod.Status = *w.shown
	return &pod
}

// ending tells whether the pod is to end, whatever for.
func (in *inbox) ending() bool {
	return in.gone || in.verdict != nil || in.pod.DeletionTimestamp != nil || terminal(in.pod)
}

// terminal tells whether the pod's phase is final.
func terminal(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}

// Retries after a failed pass back off from the first to the second.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// run acts until the pod is gone from the node and from the API, or ctx ends:
// then all is left as it is, for the next kubelet.
func (w *worker) run(ctx context.Context) {
	writer, stopWriter := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { w.writer.Run(writer) })
	defer wg.Wait()
	defer stopWriter()
	defer w.stopProbes(nil)
	defer w.m.Objects.Release(w.uid)

	retry := firstRetry
	for {
		in, stop := w.take(ctx)
		start := time.Now()
		next, err := w.sync(cause.With(ctx, in.causes...), cause.With(stop, in.causes...), &in)
		w.m.Metrics.observePass(&in, time.Since(start))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && stop.Err() != nil:
			w.putBack(&in) // cut short by news, which is in the inbox
		case err != nil:
			slog.WarnContext(ctx, "pod not as it should be; will retry", "pod", in.pod.Namespace+"/"+in.pod.Name, "in", retry, "err", err)
			next = time.Now().Add(retry)
			retry = min(2*retry, lastRetry)
			w.putBack(&in)
		case err == nil:
			retry = firstRetry
		}
		if w.finished && in.gone {
			return
		}
		if !w.wait(ctx, next) {
			return
		}
	}
}

// wait returns at the given time (zero: never), or when there is news; false
// when ctx ended.
func (w *worker) wait(ctx context.Context, until time.Time) bool {
	var timeout <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.wake:
	case <-timeout:
	}
	return true
}

// networkIsReady lets a pod that waited for its network try at once.
func (w *worker) networkIsReady() { w.tell(func(in *inbox) { in.network = true }) }
