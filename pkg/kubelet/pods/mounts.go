package pods

import (
	"context"
	"errors"
	"time"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/volume"
)

// retryTimer spaces attempts at something that fails.
type retryTimer struct {
	at    time.Time
	delay time.Duration
}

// Attempts back off between these.
const (
	firstAttempt = 500 * time.Millisecond
	lastAttempt  = 2 * time.Minute
)

func (r *retryTimer) failed() {
	r.delay = min(max(2*r.delay, firstAttempt), lastAttempt)
	r.at = time.Now().Add(r.delay)
}

func (r *retryTimer) reset()      { *r = retryTimer{} }
func (r *retryTimer) waits() bool { return time.Now().Before(r.at) }

// mounts are a pod's volumes as last set up.
type mounts struct {
	volumes map[string]volume.Mounted // nil until all were set up
	refresh time.Time                 // when tokens have to be renewed; zero: never
	old     bool                      // an object changed since
	retry   retryTimer
	err     error // of the last attempt
}

// stale makes the next look set the volumes up again.
func (m *mounts) stale() {
	m.old = true
	m.retry.reset()
}

// due is when to set up again; zero means that nothing is due.
func (m *mounts) due() time.Time {
	if m.err != nil {
		return m.retry.at
	}
	return m.refresh
}

func (m *mounts) current() bool {
	return m.volumes != nil && !m.old && (m.refresh.IsZero() || time.Now().Before(m.refresh))
}

// mount sets the pod's volumes up, unless they are or it is too early to try
// again. It says what failed in an event for each volume.
func (w *worker) mount(ctx context.Context, pod *v1.Pod) error {
	m := &w.mounts
	if m.current() {
		return nil
	}
	if m.err != nil && m.retry.waits() {
		return m.err
	}
	result, err := w.volumes.Setup(ctx, pod, nil)
	m.err = err
	if err != nil {
		m.retry.failed()
		if ctx.Err() == nil {
			w.reportMounts(pod, err)
		}
		return err
	}
	*m = mounts{volumes: result.Volumes, refresh: result.Refresh}
	return nil
}

func (w *worker) reportMounts(pod *v1.Pod, err error) {
	list := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		list = joined.Unwrap()
	}
	for _, e := range list {
		w.m.Recorder.Event(events.Pod(pod), v1.EventTypeWarning, events.FailedMount, e.Error())
	}
}

// refreshVolumes brings the volumes of a running pod up to date.
func (w *worker) refreshVolumes(ctx context.Context, in *inbox) error {
	if w.mounts.volumes == nil || w.mounts.current() {
		return nil
	}
	_ = w.mount(ctx, in.pod) // reported; due() knows when to try again
	return nil
}
