package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// supervisor starts processes and keeps them running until it is stopped. Safe
// for concurrent use.
type supervisor struct {
	state  *stateFile
	report func(Event)

	mu      sync.Mutex
	keepers []*keeper // in the order in which they were started
	stopped bool      // nothing starts any more
}

func newSupervisor(state *stateFile, report func(Event)) *supervisor {
	return &supervisor{state: state, report: report}
}

// start runs p and returns when it is ready, or with the reason why it will not
// be. From then on it is kept running until stop.
func (s *supervisor) start(ctx context.Context, p Process) error {
	k := &keeper{
		Process: p,
		started: s.state.started,
		restarts: func(name string, err error, pause time.Duration) {
			text := fmt.Sprintf("%v; starting it again", err)
			if pause > 0 {
				text += fmt.Sprintf(" in %s", pause)
			}
			s.report(Event{Step: name, Kind: Restarted, Text: text})
		},
		ready:   make(chan error, 1),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return context.Canceled
	}
	s.keepers = append(s.keepers, k)
	go k.keep() // stop waits for it
	s.mu.Unlock()
	select {
	case err := <-k.ready:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends all processes, the last started first, and waits for each. Nothing
// can be started afterwards, and a second call has nothing to do.
func (s *supervisor) stop() {
	s.mu.Lock()
	s.stopped = true
	keepers := s.keepers
	s.keepers = nil
	s.mu.Unlock()
	for _, k := range slices.Backward(keepers) {
		begin := time.Now()
		close(k.stop)
		<-k.stopped
		s.report(Event{Step: k.Name, Kind: Stopped, Took: time.Since(begin)})
	}
}
