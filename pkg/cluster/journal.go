package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// journal keeps the events of a cluster's start and gives them to everybody who
// connects to the control socket: one JSON object a line, from the first event
// to the last one of ClusterStep. Safe for concurrent use.
type journal struct {
	mu     sync.Mutex
	events []Event
	over   bool          // the start is concluded; nothing is added any more
	more   chan struct{} // closed and replaced when events or over change
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

// add appends an event of the start; later ones are not kept.
func (j *journal) add(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return
	}
	j.events = append(j.events, e)
	j.over = e.Step == ClusterStep && (e.Kind == Done || e.Kind == Failed)
	close(j.more)
	j.more = make(chan struct{})
}

// from returns the events after the first n, whether they are the last, and a
// channel that is closed when there is more to see.
func (j *journal) from(n int) (events []Event, over bool, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.events[n:], j.over, j.more
}

// serve answers connections until ctx ends, and returns when all have heard the
// conclusion of the start, which must have come by then.
func (j *journal) serve(ctx context.Context, listen net.Listener) {
	defer context.AfterFunc(ctx, func() { listen.Close() })()
	var tellers sync.WaitGroup
	defer tellers.Wait()
	for {
		conn, err := listen.Accept()
		if err != nil {
			return
		}
		tellers.Go(func() {
			defer conn.Close()
			j.tell(conn)
		})
	}
}

// tell writes all events until the start is concluded or the other side has
// gone or is too slow to read.
func (j *journal) tell(conn net.Conn) {
	encoder := json.NewEncoder(conn)
	for told := 0; ; {
		events, over, more := j.from(told)
		for _, event := range events {
			conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if encoder.Encode(event) != nil {
				return
			}
		}
		told += len(events)
		if over {
			return
		}
		<-more
	}
}

// Follow reports the events of the start of the cluster that a supervisor has
// begun, old ones first, and returns when it is ready or why it is not.
func Follow(ctx context.Context, paths Paths, report func(Event)) error {
	conn, err := dial(ctx, paths)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	decoder := json.NewDecoder(conn)
	for {
		var event Event
		err := decoder.Decode(&event)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return errors.New("the supervisor ended before the cluster was ready; its log: " + paths.Log("supervisor"))
		case err != nil:
			return err
		}
		report(event)
		if event.Step == ClusterStep && event.Kind == Done {
			return nil
		}
		if event.Step == ClusterStep && event.Kind == Failed {
			return errors.New(event.Text)
		}
	}
}
