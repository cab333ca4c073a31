package control

import (
	"context"
	"sync"
	"time"

	"slowmo/pkg/component/cause"
)

// backupAfter is when a key that waits for an event is looked at without it.
const backupAfter = time.Second

// Settle merges status writes: it lets a sync hold a status back while more is
// about to change it, but never for longer than it was made for. The controller of
// an owner waits longer than that of what it owns, whose answer it waits for. It
// is safe for concurrent use.
type Settle struct {
	longest time.Duration

	mu    sync.Mutex
	since map[string]time.Time // when a key began to hold back; only those that do
}

// NewSettle makes one that holds nothing back for longer than that.
func NewSettle(longest time.Duration) *Settle {
	return &Settle{longest: longest, since: map[string]time.Time{}}
}

// Wait says whether key may hold its status back (still).
func (s *Settle) Wait(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	began, ok := s.since[key]
	if !ok {
		s.since[key] = time.Now()
		return true
	}
	return time.Since(began) < s.longest
}

// Forget ends the holding back: the status is written now, or nothing is left to
// write about.
func (s *Settle) Forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, key)
}

// Hold brings key back when its status has been held back for long enough.
func (s *Settle) Hold(ctx context.Context, q *cause.Queue[string], key string) {
	q.AddAfter(key, s.longest, cause.From(ctx)...)
}

// Backup brings key back in a second, for the case that the event that it waits for
// was lost when a watch broke. The causes stay with it.
func Backup[K comparable](ctx context.Context, q *cause.Queue[K], key K) {
	q.AddAfter(key, backupAfter, cause.From(ctx)...)
}
