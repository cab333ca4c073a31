package cause

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Queue is a rate-limited work queue in which each key carries the causes that
// woke it. It keeps workqueue's promise: a key is handed to one worker at a
// time, and one that is added while it is worked on is handed out once more
// afterwards. It is safe for concurrent use.
type Queue[K comparable] struct {
	name  string
	queue workqueue.TypedRateLimitingInterface[K]

	mu sync.Mutex
	// causes holds what a key has gathered since it was last handed out.
	// A key that fails puts its causes back, so a retry is caused by them too.
	causes map[K]Set
}

// NewQueue makes a queue whose metrics (workqueue_*) carry name and whose
// retries back off from 5 ms to 1000 s a key, as client-go's controllers do.
func NewQueue[K comparable](name string) *Queue[K] {
	return &Queue[K]{
		name: name,
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.DefaultTypedControllerRateLimiter[K](),
			workqueue.TypedRateLimitingQueueConfig[K]{Name: name}),
		causes: map[K]Set{},
	}
}

// Add asks for a sync of key because of refs.
func (q *Queue[K]) Add(key K, because ...Ref) {
	q.gather(key, because)
	q.queue.Add(key)
}

// AddAfter asks for it when d has passed.
func (q *Queue[K]) AddAfter(key K, d time.Duration, because ...Ref) {
	q.gather(key, because)
	q.queue.AddAfter(key, d)
}

// Pending says whether key has been woken since it was last handed out: what a
// worker is about to write may be out of date, and it will come again.
func (q *Queue[K]) Pending(key K) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.causes[key]) > 0
}

// Len returns how many keys wait.
func (q *Queue[K]) Len() int { return q.queue.Len() }

func (q *Queue[K]) gather(key K, because []Ref) {
	if len(because) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.causes[key] = q.causes[key].With(because...)
}

func (q *Queue[K]) take(key K) Set {
	q.mu.Lock()
	defer q.mu.Unlock()
	set := q.causes[key]
	delete(q.causes, key)
	return set
}

// Run hands keys to work on the given number of workers until ctx ends, then
// waits for those under way. An error of work is logged and the key comes again
// after its backoff, with the causes it had.
func (q *Queue[K]) Run(ctx context.Context, workers int, work func(ctx context.Context, key K) error) {
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for q.next(ctx, work) {
			}
		})
	}
	<-ctx.Done()
	q.queue.ShutDown()
	group.Wait()
}

// next works on one key and returns false when the queue has been shut down.
func (q *Queue[K]) next(ctx context.Context, work func(context.Context, K) error) bool {
	key, shutdown := q.queue.Get()
	if shutdown {
		return false
	}
	defer q.queue.Done(key)
	set := q.take(key)
	err := work(With(ctx, set...), key)
	if err == nil {
		q.queue.Forget(key)
		return true
	}
	if ctx.Err() == nil {
		slog.WarnContext(ctx, "sync failed, will retry", "queue", q.name, "key", key, "error", err)
	}
	q.gather(key, set)
	q.queue.AddRateLimited(key)
	return true
}
