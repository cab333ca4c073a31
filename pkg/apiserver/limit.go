package apiserver

import (
	"net/http"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"slowmo/pkg/apiserver/fairness"
	"slowmo/pkg/apiserver/request"
)

// limited lets so many requests run at once, shared fairly between users. A
// watch counts until it is going; connections to pods and nodes, whose time is
// not the server's, only have to come through.
func (s *Server) limited(next http.Handler) http.Handler {
	limiter, schemas := fairness.New(s.MaxRequests+s.MaxMutating), s.Schemas
	if schemas == nil {
		schemas = fairness.Builtin()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		class := schemas.Classify(state.User, state.Info)
		if !state.Info.LongRunning() || state.Info.Verb == "watch" {
			w.Header().Set(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID, string(class.SchemaUID))
			w.Header().Set(flowcontrolv1.ResponseHeaderMatchedPriorityLevelConfigurationUID, string(class.LevelUID))
		}
		leave, err := limiter.Enter(r.Context(), class, state.User, state.Info)
		if err != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			return
		}
		if state.Info.LongRunning() && state.Info.Verb != "watch" {
			leave()
			next.ServeHTTP(w, r)
			return
		}
		l := &leaver{ResponseWriter: w, leave: leave}
		defer l.done()
		if state.Info.Verb == "watch" {
			w = l
		}
		next.ServeHTTP(w, r)
	})
}

// leaver is a ResponseWriter that leaves when the answer begins.
type leaver struct {
	http.ResponseWriter
	leave func() // nil: it has left, and a watch keeps nothing of it
}

func (l *leaver) done() {
	if l.leave != nil {
		l.leave()
		l.leave = nil
	}
}

func (l *leaver) WriteHeader(code int) {
	l.done()
	l.ResponseWriter.WriteHeader(code)
}

func (l *leaver) Write(data []byte) (int, error) {
	l.done()
	return l.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach what is below.
func (l *leaver) Unwrap() http.ResponseWriter { return l.ResponseWriter }
