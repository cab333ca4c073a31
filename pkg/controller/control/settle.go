package control

import (
	"context"
	"sync"
	"time"

	"slowmo/pkg/component/cause"
)

const (
	// settleFor is how long a status may be held back for news that is on its
	// way to be in it too.
	settleFor = 100 * time.Millisecond
	// backupAfter is when a key that waits for an event is looked at without it.
	backupAfter = time.Second
)

// Settle merges status writes: it lets a sync hold a status back while more is
// about to change it, but never for longer than 100 ms. It is safe for
// concurrent use.
type Settle struct {
	mu    sync.Mutex
	since map[string]time.Time // when a key began to hold back; only those that do
}

// NewSettle makes an empty one.
func NewSettle() *Settle { return &Settle{since: map[string]time.Time{}} }

// Wait says whether key may hold its status back (still).
func (s *Settle) Wait(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	began, ok := s.since[key]
	if !ok {
		s.since[key] = time.Now()
		return true
	}
	return time.Since(began) < settleFor
}

// Forget ends the holding back: the status is written now, or nothing is left to
// write about.
func (s *Settle) Forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, key)
}

// Hold brings key back when a status has been held back for long enough.
func Hold[K comparable](ctx context.Context, q *cause.Queue[K], key K) {
	q.AddAfter(key, settleFor, cause.From(ctx)...)
}

// Backup brings key back in a second, for the case that the event that it waits for
// was lost when a watch broke. The causes stay with it.
func Backup[K comparable](ctx context.Context, q *cause.Queue[K], key K) {
	q.AddAfter(key, backupAfter, cause.From(ctx)...)
}
