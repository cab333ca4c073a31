package request

import (
	"context"
	"slices"
	"sync"
	"time"
)

// State is what a request gathers on its way. The chain makes one at the
// entrance and each step fills in its part; later steps read it.
type State struct {
	Received time.Time
	Info     *Info // set before authentication
	User     *User // set by authentication; never nil afterwards
	AuditID  string
	// Cause is the request's Slowmo-Cause header, bounded; empty if not sent.
	Cause string
	// Note is what the audit step wants to be told; nil if nothing.
	Note *Note

	mu          sync.Mutex
	annotations [][2]string // keys and values; few
	warnings    []string
}

// Annotate adds a key to the audit event of the request. The first value of a
// key stays. It is safe for concurrent use.
func (s *State) Annotate(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.annotations, func(pair [2]string) bool { return pair[0] == key }) {
		s.annotations = append(s.annotations, [2]string{key, value})
	}
}

// Annotations returns what Annotate gathered; nil if nothing.
func (s *State) Annotations() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.annotations) == 0 {
		return nil
	}
	out := make(map[string]string, len(s.annotations))
	for _, pair := range s.annotations {
		out[pair[0]] = pair[1]
	}
	return out
}

// Warn adds a text to the answer's Warning headers. A text is sent once.
func (s *State) Warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.warnings {
		if w == text {
			return
		}
	}
	s.warnings = append(s.warnings, text)
}

// Warnings returns what Warn gathered, in order.
func (s *State) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warnings[:len(s.warnings):len(s.warnings)]
}

type stateKey struct{}

// With returns a context that carries s.
func With(ctx context.Context, s *State) context.Context {
	return context.WithValue(ctx, stateKey{}, s)
}

// From returns the state that ctx carries. Without one it returns an empty
// State of an anonymous user, so that callers need no check.
func From(ctx context.Context) *State {
	if s, ok := ctx.Value(stateKey{}).(*State); ok {
		return s
	}
	return &State{Info: &Info{}, User: &User{Name: Anonymous, Groups: []string{GroupUnauthenticated}}}
}

// UserFrom returns who the request comes from.
func UserFrom(ctx context.Context) *User { return From(ctx).User }

// InfoFrom returns what the request asks for.
func InfoFrom(ctx context.Context) *Info { return From(ctx).Info }
