package scheduler

import (
	"container/heap"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/scheduler/core"
)

// item is a pending pod in the queue, or on its way through a decision.
type item struct {
	pod     *core.Pod
	because cause.Set // what woke it since the last attempt

	since    time.Time // when it was first seen
	attempts int       // decisions made about it
	gated    bool

	// refusedBy names the plugins that refused it the last time.
	refusedBy []string
	// due is when it may be tried again; before that a wake-up only notes that it should be.
	due time.Time

	at    *itemHeap // the heap it is in, nil while it waits or is being decided
	index int       // in at
}

// queue orders pending pods. A pod is in one place at a time: active (may be decided now), pausing
// (may be once its due time has come), waiting (for an event), or taken by pop. It has no
// clock of its own and no lock: its owner brings both.
type queue struct {
	items   map[types.UID]*item // all but those taken
	active  *itemHeap
	pausing *itemHeap

	firstPause, longestPause time.Duration
}

func newQueue(first, longest time.Duration) *queue {
	return &queue{
		items:        map[types.UID]*item{},
		active:       &itemHeap{less: moreImportant},
		pausing:      &itemHeap{less: func(a, b *item) bool { return a.due.Before(b.due) }},
		firstPause:   first,
		longestPause: longest,
	}
}

// moreImportant is the order of the PrioritySort plugin.
func moreImportant(a, b *item) bool {
	if a.pod.Priority() != b.pod.Priority() {
		return a.pod.Priority() > b.pod.Priority()
	}
	return a.since.Before(b.since)
}

// set adds a pod or replaces its earlier state. One that changed in a way that matters is tried
// again. It returns whether the pod is new here.
func (q *queue) set(pod *core.Pod, now time.Time, because ...cause.Ref) (added bool) {
	it := q.items[pod.UID]
	added = it == nil
	if added {
		it = &item{since: now}
		q.items[pod.UID] = it
	}
	changed := it.pod == nil || it.pod.Generation != pod.Generation || !maps.Equal(it.pod.Labels, pod.Labels)
	it.pod = pod
	it.gated = len(pod.Spec.SchedulingGates) > 0
	it.because = it.because.With(because...)
	switch {
	case it.gated:
		q.move(it, nil)
	case changed:
		q.wake(it, now)
	}
	return added
}

// forget takes a pod out.
func (q *queue) forget(uid types.UID) {
	if it := q.items[uid]; it != nil {
		q.move(it, nil)
		delete(q.items, uid)
	}
}

// pop takes the first pod that is due, nil when there is none. The caller puts it back with
// pause or wait, or is done with it.
func (q *queue) pop(now time.Time) *item {
	for q.pausing.Len() > 0 && !q.pausing.items[0].due.After(now) {
		q.move(q.pausing.items[0], q.active)
	}
	if q.active.Len() == 0 {
		return nil
	}
	it := q.active.items[0]
	q.move(it, nil)
	delete(q.items, it.pod.UID)
	it.attempts++
	return it
}

// next tells when pop will have something: at once, at a time, or (false) not before a change.
func (q *queue) next(now time.Time) (time.Time, bool) {
	switch {
	case q.active.Len() > 0:
		return now, true
	case q.pausing.Len() > 0:
		return q.pausing.items[0].due, true
	}
	return time.Time{}, false
}

// wait puts back a pod that no node can take. It stays until wake.
func (q *queue) wait(it *item, refusedBy []string, now time.Time) {
	it.refusedBy = refusedBy
	it.due = now.Add(q.pauseAfter(it.attempts))
	it.because = nil
	q.items[it.pod.UID] = it
}

// retry puts back a pod whose attempt failed for a reason that time may heal.
func (q *queue) retry(it *item, now time.Time) {
	q.wait(it, nil, now)
	q.wake(it, now)
}

// wakeWhere wakes the waiting pods for which the hint says that the change could help.
func (q *queue) wakeWhere(now time.Time, could func(*item) bool, because ...cause.Ref) int {
	woken := 0
	for _, it := range q.items {
		if it.at != nil || it.gated || !could(it) {
			continue
		}
		it.because = it.because.With(because...)
		q.wake(it, now)
		woken++
	}
	return woken
}

// wake makes a pod active, after its pause if that is not over.
func (q *queue) wake(it *item, now time.Time) {
	if it.due.After(now) {
		q.move(it, q.pausing)
	} else {
		q.move(it, q.active)
	}
}

// move takes the item out of the heap it is in and puts it into another, if there is one.
func (q *queue) move(it *item, to *itemHeap) {
	if it.at == to && to != nil {
		heap.Fix(to, it.index)
		return
	}
	if it.at != nil {
		heap.Remove(it.at, it.index)
	}
	it.at = to
	if to != nil {
		heap.Push(to, it)
	}
}

// pauseAfter doubles with each attempt.
func (q *queue) pauseAfter(attempts int) time.Duration {
	pause := q.firstPause
	for range attempts - 1 {
		pause *= 2
		if pause >= q.longestPause {
			return q.longestPause
		}
	}
	return pause
}

// lengths counts the pods by upstream's names of the places.
func (q *queue) lengths() map[string]int {
	gated := 0
	for _, it := range q.items {
		if it.gated {
			gated++
		}
	}
	active, backoff := q.active.Len(), q.pausing.Len()
	return map[string]int{
		"active":        active,
		"backoff":       backoff,
		"gated":         gated,
		"unschedulable": len(q.items) - active - backoff - gated,
	}
}

// itemHeap implements heap.Interface.
type itemHeap struct {
	items []*item
	less  func(a, b *item) bool
}

func (h *itemHeap) Len() int           { return len(h.items) }
func (h *itemHeap) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) }
func (h *itemHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].index, h.items[j].index = i, j
}
func (h *itemHeap) Push(x any) {
	it := x.(*item)
	it.index = len(h.items)
	h.items = append(h.items, it)
}
func (h *itemHeap) Pop() any {
	it := h.items[len(h.items)-1]
	h.items = h.items[:len(h.items)-1]
	return it
}
