package apiserver

import (
	"net/http"

	"slowmo/pkg/apiserver/fairness"
	"slowmo/pkg/apiserver/request"
)

// limited lets so many requests run at once, shared fairly between users. A
// watch counts until it is going; connections to pods and nodes, whose time is
// not the server's, only have to come through.
func (s *Server) limited(next http.Handler) http.Handler {
	limiter := fairness.New(s.MaxRequests + s.MaxMutating)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		leave, err := limiter.Enter(r.Context(), state.User, state.Info)
		if err != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			return
		}
		defer leave()
		switch {
		case !state.Info.LongRunning():
		case state.Info.Verb == "watch":
			w = &leaver{ResponseWriter: w, leave: leave}
		default:
			leave()
		}
		next.ServeHTTP(w, r)
	})
}

// leaver is a ResponseWriter that says when the answer begins.
type leaver struct {
	http.ResponseWriter
	leave func() // may be called often
}

func (l *leaver) WriteHeader(code int) {
	l.leave()
	l.ResponseWriter.WriteHeader(code)
}

func (l *leaver) Write(data []byte) (int, error) {
	l.leave()
	return l.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach what is below.
func (l *leaver) Unwrap() http.ResponseWriter { return l.ResponseWriter }
