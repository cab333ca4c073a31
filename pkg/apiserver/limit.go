package apiserver

import (
	"net/http"

	"slowmo/pkg/apiserver/request"
)

// limited lets so many requests through at once and turns the others away with
// 429, so that a flood slows its senders and not the server. Reads and writes
// are counted apart. Long-running requests are not counted, nor are administrators', who
// must get in to mend things.
func (s *Server) limited(next http.Handler) http.Handler {
	reads, writes := newLimit("readOnly", s.MaxRequests), newLimit("mutating", s.MaxMutating)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		if longRunning(state.Info) || state.User.In(request.GroupMasters) {
			next.ServeHTTP(w, r)
			return
		}
		limit := writes
		if state.Info.ReadOnly() {
			limit = reads
		}
		if !limit.enter() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			return
		}
		defer limit.leave()
		next.ServeHTTP(w, r)
	})
}

// limit counts requests of one kind that are under way.
type limit struct {
	kind  string
	slots chan struct{} // nil: no limit
}

func newLimit(kind string, most int) limit {
	l := limit{kind: kind}
	if most > 0 {
		l.slots = make(chan struct{}, most)
	}
	return l
}

func (l limit) enter() bool {
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
		default:
			return false
		}
	}
	inflight.WithLabelValues(l.kind).Inc()
	return true
}

func (l limit) leave() {
	inflight.WithLabelValues(l.kind).Dec()
	if l.slots != nil {
		<-l.slots
	}
}
