package storage

import (
	"errors"
	"slices"
)

// ErrBusy is what Follow's take returns when it would have to wait.
var ErrBusy = errors.New("storage: the watch has to wait for its client")

// crowd is how many watchers are served one after another by one goroutine.
const crowd = 64

// Follow hands all events to take, as Next returns them, and returns why there are
// no more: one of Next's errors or take's.
//
// A change that many watch would wake as many goroutines, only for each to send a
// few bytes and sleep again. So while the caller's goroutine sleeps, take is called
// by another that serves a crowd, with wait false. Then it must not wait; what it
// cannot send it keeps and returns ErrBusy, and is called with no events and wait
// true on the caller's goroutine before it is given others. It is never called by two
// at once, and not after Follow has returned and Close was called.
func (w *Watcher) Follow(take func(events []Event, wait bool) error) error {
	w.take = take
	for {
		events, err := w.Next()
		if err != nil {
			return err
		}
		w.held = false
		if err := take(events, true); err != nil {
			return err
		}
	}
}

// push delivers what is ready in place of the watcher's goroutine. It returns false
// if that has to wake.
func (w *Watcher) push() bool {
	if !w.turn.TryLock() {
		return false // it is awake, and looks once more for having been woken
	}
	defer w.turn.Unlock()
	if w.closed {
		return true
	}
	if w.take == nil || w.held || w.failed != nil {
		return false
	}
	if w.failed = w.gather(); w.failed != nil {
		return false
	}
	if len(w.events) > 0 {
		err := w.take(w.events, false)
		clear(w.events)
		w.events = w.events[:0]
		if w.held = errors.Is(err, ErrBusy); !w.held {
			w.failed = err
		}
	}
	return !w.held && w.failed == nil && w.signal != nil // nil: there is more
}

// wake serves the watchers whose signals have fired.
func (c *Collection) wake() {
	c.mu.RLock()
	due := c.audiences.due()
	c.mu.RUnlock()
	for some := range slices.Chunk(due, crowd) {
		go func() {
			for _, w := range some {
				if !w.push() {
					w.wake()
				}
			}
		}()
	}
}
