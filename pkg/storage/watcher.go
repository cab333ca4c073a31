package storage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
)

// WatchOptions say what a Watcher delivers.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
type WatchOptions struct {
	Namespace string // "" is all
	Predicate

	// Revision is what the client has seen: changes after it are delivered. For
	// Any and Consistent the present state comes first, each object as ADDED.
	Revision int64

	// InitialEvents asks for the present state first in any case, at least as new as
	// Revision, and with Bookmarks closes it with one (sendInitialEvents=true).
	InitialEvents bool
	// OnlyChanges asks for changes alone, also for Any and Consistent
	// (sendInitialEvents=false).
	OnlyChanges bool

	// Bookmarks asks for a BOOKMARK now and then, and shortly before Until.
	Bookmarks bool

	// Until is when the watch ends by itself, with context.DeadlineExceeded; zero is never.
	Until time.Time
	// Stop ends it when it is closed, with context.Canceled. May be nil.
	Stop <-chan struct{}
}

// When a watch with Bookmarks tells its revision.
const (
	bookmarkEvery     = time.Minute
	bookmarkBeforeEnd = 2 * time.Second
)

// batch is how many events Next returns at most.
const batch = 1000

// Event is one change as the watch's selector sees it: an object that begins to match is ADDED,
// one that ceases to match DELETED with its last matching state.
type Event struct {
	Type     watch.EventType // Added, Modified, Deleted or Bookmark
	Record   *Record         // nil in a Bookmark
	Revision int64           // the record's; a Bookmark says that all up to it was delivered

	// InitialEventsEnd marks the Bookmark after the initial events.
	InitialEventsEnd bool
}

// Watcher is a cursor in a collection's recent changes. It holds no queue: one
// that does not keep up gets ErrExpired and slows nobody. One goroutine uses it:
// by Next, or by Follow, in whose place others deliver while it sleeps.
type Watcher struct {
	c        *Collection
	options  WatchOptions
	audience *audience
	seat     int // among the audience's members; the collection's lock guards it

	ctx   context.Context // ends the watch
	woken chan struct{}   // has room for one: there may be something to do

	// turn is held by whoever works on what is below: the goroutine that uses the
	// Watcher, but while it sleeps.
	turn   sync.Mutex
	take   func(events []Event, wait bool) error // Follow's; nil: nobody else may deliver
	held   bool                                  // take has events that it could not send without waiting
	closed bool
	failed error // found while delivering in place of the goroutine

	initial []*Record // still to be delivered as ADDED
	end     *Event    // the Bookmark to deliver after initial

	after  int64   // changes up to this revision are not delivered
	cursor uint64  // number of the next change to look at
	signal *signal // taken when everything before it was looked at; nil while there is more

	bookmark time.Time   // when the next one is due
	alarm    *time.Timer // goes off then or at the end; nil before the first sleep, and without either
	events   []Event     // what Next returned, to be used again
	pending  []*change
}

// Watch begins to watch until ctx ends. The caller must Close the Watcher. The
// errors are ErrExpired and ErrFuture.
func (c *Collection) Watch(ctx context.Context, o WatchOptions) (*Watcher, error) {
	ctx, span := c.span(ctx, "cacher.Watch", c.within(o.Namespace))
	defer span.End()
	w := &Watcher{c: c, options: o, ctx: ctx, woken: make(chan struct{}, 1)}
	w.scheduleBookmark(time.Now())
	fromState := o.InitialEvents || o.Revision <= 0
	if fromState {
		if err := c.store.reach(ctx, o.Revision); err != nil {
			return nil, err
		}
	}
	if err := w.start(fromState); err != nil {
		return nil, err
	}
	w.turn.Lock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.audiences.join(c.interestOf(o.Namespace, o.Field), w)
	return w, nil
}

// start sets the cursor, and takes the initial events if the watch begins with them.
func (w *Watcher) start(fromState bool) error {
	now := w.c.store.clock.now()
	w.c.mu.RLock()
	state, floor := w.c.current.Load(), w.c.ring.floor
	if fromState {
		w.after = max(now, state.revision)
		w.cursor = w.c.ring.end()
	} else {
		w.after = w.options.Revision
		w.cursor = w.c.ring.after(w.after)
	}
	w.c.mu.RUnlock()

	if !fromState {
		if w.after < floor {
			return &TooOldError{Requested: w.after, Oldest: floor}
		}
		return nil
	}
	if w.options.OnlyChanges {
		return nil
	}
	var err error
	w.initial, err = state.selectFrom(w.c.within(w.options.Namespace), w.options.Predicate)
	if w.options.InitialEvents && w.options.Bookmarks {
		w.end = &Event{Type: watch.Bookmark, Revision: w.after, InitialEventsEnd: true}
	}
	return err
}

// Close ends the watch. Next and Follow must not run and not be called again.
func (w *Watcher) Close() {
	w.closed = true
	w.turn.Unlock()
	if w.alarm != nil {
		w.alarm.Stop()
	}
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.c.audiences.leave(w)
}

// Next blocks until there is at least one event and returns all that are ready,
// in revision order; the slice is good until the next call. It returns ErrExpired when
// changes were lost to the watcher, ErrCorrupt when one cannot be decoded, and
// the context's error, or that of Until or Stop, when its time is over; after an
// error the watch is over.
func (w *Watcher) Next() ([]Event, error) {
	w.events = w.events[:0]
	if w.beginning() {
		return w.events, nil
	}
	for {
		if err := w.gather(); err != nil {
			return nil, err
		}
		if len(w.events) > 0 {
			return w.events, nil
		}
		if w.signal == nil {
			continue
		}
		if err := w.sleep(); err != nil {
			return nil, err
		}
		switch {
		case w.failed != nil:
			return nil, w.failed
		case w.held:
			return nil, nil
		}
	}
}

// gather adds the events that are ready and not delivered yet.
func (w *Watcher) gather() error {
	revision := w.c.store.clock.now()
	if err := w.collect(); err != nil {
		return err
	}
	for _, ch := range w.pending {
		if err := w.deliver(ch); err != nil {
			return err
		}
		revision = max(revision, ch.revision()) // a bookmark never goes back behind an event
	}
	clear(w.pending)
	if w.signal != nil { // all up to revision was looked at
		w.mark(max(revision, w.after))
	}
	return nil
}

// mark adds a bookmark if one is due.
func (w *Watcher) mark(revision int64) {
	if !w.options.Bookmarks {
		return
	}
	if now := time.Now(); !now.Before(w.bookmark) {
		w.events = append(w.events, Event{Type: watch.Bookmark, Revision: revision})
		w.scheduleBookmark(now)
	}
}

// scheduleBookmark sets when the next bookmark is due. The one before the end
// spares the client that comes back most of what happened since.
func (w *Watcher) scheduleBookmark(now time.Time) {
	w.bookmark = now.Add(bookmarkEvery)
	if last := w.options.Until.Add(-bookmarkBeforeEnd); !w.options.Until.IsZero() && last.After(now) && last.Before(w.bookmark) {
		w.bookmark = last
	}
	if w.alarm != nil {
		w.alarm.Reset(time.Until(w.due()))
	}
}

// due is when the watch has to look at the clock; zero is never.
func (w *Watcher) due() time.Time {
	end := w.options.Until
	if w.options.Bookmarks && (end.IsZero() || w.bookmark.Before(end)) {
		return w.bookmark
	}
	return end
}

// beginning turns initial records into events, if there are any left.
func (w *Watcher) beginning() bool {
	n := min(len(w.initial), batch)
	for _, r := range w.initial[:n] {
		w.events = append(w.events, Event{Type: watch.Added, Record: r, Revision: r.Revision})
	}
	w.initial = w.initial[n:]
	if len(w.initial) == 0 {
		w.initial = nil
		if w.end != nil {
			w.events = append(w.events, *w.end)
			w.end = nil
		}
	}
	return len(w.events) > 0
}

// collect copies the next changes out of the ring, and takes the signal for those
// to come once it has reached the end.
func (w *Watcher) collect() error {
	c := w.c
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case w.signal == nil:
	case w.signal == w.audience.signal: // nothing that concerns us has happened
		w.cursor = c.ring.end()
	default:
		w.cursor = w.signal.from
	}
	if w.cursor < c.ring.first {
		return fmt.Errorf("%w: the watch fell behind", ErrExpired)
	}
	ready := c.ring.changes[w.cursor-c.ring.first:]
	w.signal = nil
	if len(ready) > batch {
		ready = ready[:batch]
	} else {
		w.signal = w.audience.signal
	}
	w.pending = append(w.pending[:0], ready...)
	w.cursor += uint64(len(ready))
	return nil
}

// deliver appends the event that ch is to this watch, if it is one.
func (w *Watcher) deliver(ch *change) error {
	if ch.revision() <= w.after {
		return nil
	}
	before := ch.previous != nil && w.selects(ch.previous)
	after := !ch.deleted && w.selects(ch.record)
	e := Event{Record: ch.record, Revision: ch.revision()}
	switch {
	case !before && !after:
		return nil
	case !before:
		e.Type = watch.Added
	case after:
		e.Type = watch.Modified
	case ch.deleted:
		e.Type = watch.Deleted
	default:
		e.Type, e.Record = watch.Deleted, ch.left()
	}
	w.events = append(w.events, e)
	return e.Record.corrupt
}

// selects says whether the watch is about r. A corrupt record, of which neither
// labels nor fields are known, concerns every watch of its namespace.
func (w *Watcher) selects(r *Record) bool {
	return (w.options.Namespace == "" || r.Namespace == w.options.Namespace) &&
		(r.corrupt != nil || r.Matches(w.options.Predicate))
}

// sleep waits for a change that concerns the watch, for the bookmark that is due or
// for the end.
func (w *Watcher) sleep() error {
	if due := w.due(); w.alarm == nil && !due.IsZero() {
		w.alarm = time.AfterFunc(time.Until(due), w.wake)
	}
	w.turn.Unlock()
	defer w.turn.Lock()
	select {
	case <-w.woken:
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-w.options.Stop:
		return context.Canceled
	}
	if until := w.options.Until; !until.IsZero() && !time.Now().Before(until) {
		return context.DeadlineExceeded
	}
	return nil
}

// wake ends the present sleep, or the next one if the watcher is awake.
func (w *Watcher) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}
