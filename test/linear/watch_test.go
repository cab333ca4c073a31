package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// event is one that a watch sent.
type event struct {
	kind     watch.EventType
	name     string
	value    string
	revision int64
	end      bool // of the initial events
}

// beginning is where a watch is asked to start.
type beginning string

const (
	after   beginning = "after"     // a version that was seen before
	any0    beginning = "any"       // with all there is, as old as it may be
	present beginning = "present"   // with all there is
	stream  beginning = "watchlist" // the same with sendInitialEvents, closed by a bookmark
)

// session is one watch request.
type session struct {
	selector
	from    beginning
	version int64 // for after
	server  *server
	sent    int64
	events  []event
	expired bool
	floor   int64 // of the server when the watch expired
}

// watcher watches, comes back when it was cut off, and remembers what it saw.
type watcher struct {
	selector
	random  *rand.Rand
	servers []*server
	*recorder
	seen []int64 // versions of events and bookmarks
	id   int
}

// run watches until it has seen that all clients have ended.
func (w *watcher) run(ctx context.Context) error {
	for ctx.Err() == nil {
		server, err := anyUp(ctx, w.random, w.servers)
		if err != nil {
			return err
		}
		s := &session{selector: w.selector, server: server, sent: w.now()}
		w.begin(s)
		finished, err := w.watch(ctx, s)
		w.mu.Lock()
		w.sessions = append(w.sessions, s)
		w.mu.Unlock()
		if err != nil || finished {
			return err
		}
		if s.expired {
			w.seen = nil // nothing to go on from: start anew
		}
	}
	return fmt.Errorf("watcher %d of %v saw no end: %w", w.id, w.selector, ctx.Err())
}

// begin chooses where the watch starts: mostly where the one before ended.
func (w *watcher) begin(s *session) {
	switch choice := w.random.IntN(10); {
	case len(w.seen) > 0 && choice < 6:
		s.from, s.version = after, w.seen[len(w.seen)-1]
	case len(w.seen) > 0 && choice < 7:
		s.from, s.version = after, w.seen[w.random.IntN(len(w.seen))]
	default:
		s.from = []beginning{any0, present, stream, stream}[w.random.IntN(4)]
	}
}

func (s *session) options(random *rand.Rand) metav1.ListOptions {
	options := metav1.ListOptions{AllowWatchBookmarks: true, TimeoutSeconds: new(1 + random.Int64N(4))}
	switch s.from {
	case after:
		options.ResourceVersion = strconv.FormatInt(s.version, 10)
	case any0:
		options.ResourceVersion = "0"
	case stream:
		options.SendInitialEvents = new(true)
		options.ResourceVersionMatch = metav1.ResourceVersionMatchNotOlderThan
	}
	s.set(&options)
	return options
}

// watch makes one watch request and takes down what comes. It reports whether that was the end.
func (w *watcher) watch(ctx context.Context, s *session) (finished bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := s.server.client(w.id).CoreV1().ConfigMaps(namespace).Watch(ctx, s.options(w.random))
	if err != nil {
		if !errors.As(err, new(apierrors.APIStatus)) {
			return false, nil // the server went
		}
		return false, fmt.Errorf("watch %s %d: %w", s.from, s.version, err)
	}
	defer events.Stop()
	for e := range events.ResultChan() {
		if e.Type == watch.Error {
			return false, s.ended(apierrors.FromObject(e.Object))
		}
		obj := e.Object.(*corev1.ConfigMap)
		seen, err := stateOf(obj)
		if err != nil {
			return false, err
		}
		s.events = append(s.events, event{e.Type, obj.Name, seen.value, seen.version, obj.Annotations[metav1.InitialEventsAnnotationKey] == "true"})
		if !s.settled() {
			continue
		}
		w.seen = append(w.seen, seen.version)
		if over := w.over.Load(); over > 0 && seen.version >= over {
			return true, nil
		}
	}
	return false, nil
}

// settled says whether the watch can go on from the version of its last event: an
// object of the state that it began with may be older than others of it.
func (s *session) settled() bool {
	switch last := s.events[len(s.events)-1]; s.from {
	case after:
		return true
	case stream:
		return slices.ContainsFunc(s.events, func(e event) bool { return e.end })
	default:
		return last.kind != watch.Added
	}
}

// ended takes note of an error event.
func (s *session) ended(err error) error {
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		if apierrors.IsInternalError(err) && strings.Contains(err.Error(), "unable to decode") {
			return nil // cut off within an event
		}
		return fmt.Errorf("watch %s %d ended with %w", s.from, s.version, err)
	}
	s.expired, s.floor = true, s.server.floor.Load()
	return nil
}

// check says what the watch did that the history does not bear out.
func (s *session) check(h history, acknowledged acknowledged) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("watch %s %d of %v: ", s.from, s.version, s.selector)+fmt.Sprintf(format, args...))
	}
	if s.expired && (s.from != after || s.version >= s.floor) {
		fault("expired, though the server had read everything at version %d", s.floor)
	}
	initial := 0
	for initial < len(s.events) && s.events[initial].kind == watch.Added {
		initial++
	}
	switch {
	case s.from == after:
		if err := s.follow(h, s.version, s.events); err != nil {
			fault("%v", err)
		}
		return faults
	case initial == len(s.events):
		return faults // cut off while it began
	}
	// Nothing but a bookmark tells where the initial events end: any place will do
	// that explains what was sent.
	var why error
	for n := initial; n >= 0; n-- {
		start := h.showing(s.events[:n], s.events[n], s.selector)
		err := fmt.Errorf("began with a state that never was: %v", s.events[:n])
		if start >= 0 {
			err = s.follow(h, start, s.events[n:])
		}
		if before := acknowledged.before(s.sent); err == nil && s.from != any0 && start < before.version {
			err = fmt.Errorf("began with version %d after %v had got %d", start, before.request, before.version)
		}
		if err == nil {
			return faults
		}
		if why == nil {
			why = err
		}
		if s.from == stream {
			break
		}
	}
	fault("%v", why)
	return faults
}

// follow says where events are not what happened after start.
func (s *session) follow(h history, start int64, events []event) error {
	want, told := h.events(start, s.selector), start
	for i, e := range events {
		if e.kind != watch.Bookmark {
			if len(want) == 0 || e != want[0] {
				return fmt.Errorf("sent %v instead of %v", e, want[:min(1, len(want))])
			}
			if told, want = e.revision, want[1:]; e.end {
				return fmt.Errorf("%v ends the initial events", e)
			}
			continue
		}
		switch {
		case e.end != (s.from == stream && i == 0):
			return fmt.Errorf("the bookmark %v is in the wrong place", e)
		case e.revision < told || e.revision > h.newest:
			return fmt.Errorf("bookmark %d after version %d", e.revision, told)
		case len(want) > 0 && want[0].revision <= e.revision:
			return fmt.Errorf("bookmark %d before %v", e.revision, want[0])
		}
		told = e.revision
	}
	return nil
}

// showing returns the newest revision before next at which the history shows the
// initial events, -1 if there is none. If next ends them it must be that of next.
func (h history) showing(initial []event, next event, selector selector) int64 {
	objects := map[string]state{}
	for _, e := range initial {
		objects[e.name] = state{e.value, e.revision}
	}
	shows := func(revision int64) bool { return fmt.Sprint(h.at(revision, selector)) == fmt.Sprint(objects) }
	if next.end {
		if shows(next.revision) {
			return next.revision
		}
		return -1
	}
	for _, c := range slices.Backward(h.changes) {
		if (c.revision < next.revision || next.kind == watch.Bookmark && c.revision == next.revision) && shows(c.revision) {
			return c.revision
		}
	}
	if shows(0) {
		return 0
	}
	return -1
}
