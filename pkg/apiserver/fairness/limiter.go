package fairness

import (
	"context"
	"errors"
	"sync"
	"time"

	"slowmo/pkg/apiserver/request"
)

// longestWait is how long a request waits for a seat at most: a quarter of what
// an ordinary request may take, as upstream has it.
const longestWait = 15 * time.Second

// ErrTooMany turns a request away: its client should come again later.
var ErrTooMany = errors.New("too many requests")

// Limiter lets requests run. It is safe for concurrent use.
type Limiter struct {
	mu    sync.Mutex
	queue *dispatcher // nil: no limit
}

// New returns a limiter for so many requests at once; 0 is no limit.
func New(seats int) *Limiter {
	for _, kind := range []string{"readOnly", "mutating"} {
		inflight.WithLabelValues(kind) // shown from the start
		inqueue.WithLabelValues(kind)
	}
	if seats <= 0 {
		return &Limiter{}
	}
	l := &Limiter{queue: newDispatcher(seats, shares)}
	for _, level := range l.queue.levels {
		nominalSeats.WithLabelValues(level.name).Set(float64(level.nominal))
	}
	return l
}

// Enter blocks until the request, which is of class c, may run, and returns what to call when it is
// done; a second call does nothing. It returns ErrTooMany when the queue is full,
// the wait is too long or ctx ends.
func (l *Limiter) Enter(ctx context.Context, c Class, user *request.User, info *request.Info) (leave func(), err error) {
	labels := meter{c.Level, c.Schema, kindOf(info), c.exempt}
	if c.exempt || l.queue == nil {
		labels.dispatched(0)
		return sync.OnceFunc(labels.done), nil
	}
	l.mu.Lock()
	t := l.queue.arrive(l.queue.level(seats(c, info)), user.Name)
	l.mu.Unlock()
	if t == nil {
		labels.rejected("queue-full", 0)
		return nil, ErrTooMany
	}
	waited, err := l.wait(ctx, t, labels)
	if err != nil {
		l.leave(t)
		labels.rejected(reason(ctx), waited)
		return nil, ErrTooMany
	}
	labels.dispatched(waited)
	return sync.OnceFunc(func() {
		labels.done()
		l.leave(t)
	}), nil
}

func (l *Limiter) leave(t *ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.leave(t)
}

// wait blocks until t runs.
func (l *Limiter) wait(ctx context.Context, t *ticket, labels meter) (time.Duration, error) {
	select {
	case <-t.start: // mostly there is a seat
		return 0, nil
	default:
	}
	labels.queued(1)
	defer labels.queued(-1)
	began := time.Now()
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	select {
	case <-t.start:
		return time.Since(began), nil
	case <-timer.C:
		return time.Since(began), context.DeadlineExceeded
	case <-ctx.Done():
		return time.Since(began), ctx.Err()
	}
}

// reason says why a request waits no longer.
func reason(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return "cancelled"
	}
	return "time-out"
}
