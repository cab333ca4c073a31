package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"slowmo/pkg/storage"
)

// client takes a watch's events, and says now and then that it would have to wait.
type client struct {
	t    *testing.T
	busy bool // it sometimes is
	saw  *sync.WaitGroup

	mu     sync.Mutex // fails the test if two calls meet
	names  []string
	held   []storage.Event
	pushed int // calls that were not to wait
}

func (c *client) take(events []storage.Event, wait bool) error {
	if !c.mu.TryLock() {
		c.t.Error("called by two at once")
		return errors.New("two at once")
	}
	defer c.mu.Unlock()
	if c.held != nil && (!wait || len(events) > 0) {
		c.t.Errorf("called with wait %t and %d events while it holds some", wait, len(events))
	}
	if !wait {
		c.pushed++
		if c.busy && c.pushed%3 == 0 {
			c.held = slices.Clone(events)
			return storage.ErrBusy
		}
	}
	for _, event := range append(c.held, events...) {
		c.names = append(c.names, event.Record.Name)
		c.saw.Done()
	}
	c.held = nil
	return nil
}

// TestFollow has more watches follow than one goroutine serves. Each sees each
// change once, in order, whoever delivers it, and nobody is called by two at once.
// A take that fails ends its watch.
func TestFollow(t *testing.T) {
	const clients, changes = 150, 20
	w := embedded(t)
	var saw, done sync.WaitGroup
	all := make([]*client, clients)
	stop := make(chan struct{})
	for i := range all {
		c := &client{t: t, busy: i%2 == 0, saw: &saw}
		all[i] = c
		watcher := follow(t, w.maps, storage.WatchOptions{Stop: stop})
		done.Go(func() { _ = watcher.Follow(c.take) })
	}
	broken, gone := follow(t, w.maps, storage.WatchOptions{}), errors.New("the client is gone")
	ended := make(chan error, 1)
	go func() { ended <- broken.Follow(func([]storage.Event, bool) error { return gone }) }()

	var want []string
	for i := range changes {
		name := fmt.Sprintf("m%02d", i)
		want = append(want, name)
		saw.Add(clients)
		create(t, w.maps, configMap("default", name))
		saw.Wait()
	}
	if err := <-ended; !errors.Is(err, gone) {
		t.Errorf("a watch whose client is gone: %v", err)
	}
	close(stop)
	done.Wait()
	pushed := 0
	for i, c := range all {
		if !slices.Equal(c.names, want) {
			t.Errorf("client %d saw %v", i, c.names)
		}
		pushed += c.pushed
	}
	if pushed == 0 {
		t.Error("nothing was delivered in place of the watches' own goroutines")
	}
}
