package apiserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/authn"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/tracing"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/component/cause"
)

// chain is the way of every request, in the order in which it runs. What
// follows authorization depends on what is asked for: a write to a resource goes
// through
//
//	decode -> default -> track fields -> mutating admission -> prepare
//	-> validate -> validating admission -> storage -> negotiate -> write
//
// in package rest, a read is composed from bytes in the cache.
func (s *Server) chain() http.Handler {
	return through(
		s.informed,  // what is asked for, by whom caused, for how long
		s.recovered, // a panic is a 500, not the end of the server
		s.bounded,   // no flood of headers, no client that is too slow
		s.measured,  // counts and times
		s.spanned("authentication"),
		s.authenticated, // who asks: certificate, token; anonymous for health and version
		s.traced,        // told to a collector, if there is one
		s.spanned("audit"),
		s.audited, // written down from here on
		s.spanned("constrainedimpersonation"),
		s.impersonated, // as whom
		s.spanned("priorityandfairness"),
		s.limited, // not too many at once, fairly; long-running ones leave
		s.spanned("authorization"),
		s.authorized, // whether they may: Node, RBAC
	)(s.routes())
}

// traced begins the span of the request.
func (s *Server) traced(next http.Handler) http.Handler { return tracing.Request(s.Tracer, next) }

// spanned begins a span that holds all steps from here on, and has the name of the next.
func (s *Server) spanned(name string) step {
	return func(next http.Handler) http.Handler { return tracing.Step(s.Tracer, name, next) }
}

// step is one part of the chain: it serves the request itself or hands it on.
type step func(next http.Handler) http.Handler

func through(steps ...step) step {
	return func(last http.Handler) http.Handler {
		for i := len(steps) - 1; i >= 0; i-- {
			last = steps[i](last)
		}
		return last
	}
}

func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch problem := recover(); problem {
			case nil:
			case http.ErrAbortHandler:
				panic(problem)
			default:
				slog.Error("a request caused a panic", "method", r.Method, "path", r.URL.Path, "panic", problem, "stack", string(debug.Stack()))
				wire.Error(w, r, apierrors.NewInternalError(fmt.Errorf("this request caused the server to panic: see its log")))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// longestCause bounds what a client may say of its causes.
const longestCause = 4 << 10

func (s *Server) informed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		state := &request.State{Received: now, Info: request.Parse(r), AuditID: auditID(r)}
		if sent := r.Header.Get(cause.Header); sent != "" && len(sent) <= longestCause {
			state.Cause = sent
			state.Annotate("slowmo/cause", sent)
		}
		w.Header().Set("Audit-ID", state.AuditID)
		w.Header().Set("Cache-Control", "no-cache, private")
		ctx, cancel, err := s.lifetime(r, state.Info)
		defer cancel()
		r = r.WithContext(api.WithTime(request.With(ctx, state), now))
		if err != nil {
			wire.Error(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// lifetime bounds an ordinary request; a long-running one ends when the server does.
// Watches, of which there may be very many, see to that themselves.
func (s *Server) lifetime(r *http.Request, info *request.Info) (context.Context, context.CancelFunc, error) {
	if info.Verb == "watch" {
		return r.Context(), func() {}, nil
	}
	if info.LongRunning() {
		ctx, cancel := context.WithCancel(r.Context())
		stop := context.AfterFunc(s.draining, cancel)
		return ctx, func() { stop(); cancel() }, nil
	}
	limit, err := s.patience.request, error(nil)
	if text := r.URL.Query().Get("timeout"); text != "" {
		asked, problem := time.ParseDuration(text)
		if problem != nil {
			err = apierrors.NewBadRequest(fmt.Sprintf("invalid timeout specified in the request URL - %v", problem))
		}
		if asked > 0 {
			limit = min(limit, asked)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	return ctx, cancel, err
}

func auditID(r *http.Request) string {
	if id := r.Header.Get("Audit-ID"); id != "" {
		return id
	}
	return uuid.NewString()
}

func (s *Server) authenticated(next http.Handler) http.Handler {
	refuse := s.audited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wire.Error(w, r, apierrors.NewUnauthorized("Unauthorized"))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, known, err := s.Authenticator.Authenticate(r)
		switch {
		case err == nil && known:
		case err == nil && public(r.URL.Path):
			user = &request.User{Name: request.Anonymous, Groups: []string{request.GroupUnauthenticated}}
		default:
			slog.Debug("a request was not authenticated", "path", r.URL.Path, "error", err)
			request.From(r.Context()).User = &request.User{} // nobody, for the audit
			refuse.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Authorization") // nothing behind needs the secret
		request.From(r.Context()).User = user
		next.ServeHTTP(w, r)
	})
}

// public says whether a path may be read by nobody in particular.
func public(path string) bool {
	for _, open := range []string{"/livez", "/readyz", "/healthz"} {
		if path == open || strings.HasPrefix(path, open+"/") {
			return true
		}
	}
	return path == "/version" || path == "/version/"
}

func (s *Server) audited(next http.Handler) http.Handler {
	if s.Auditor == nil {
		return next
	}
	return s.Auditor.Audit(next)
}

func (s *Server) impersonated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		user, err := authn.Impersonate(r, state.User, s.Authorizer)
		if err != nil {
			refuse(w, r, err)
			return
		}
		state.User = user
		next.ServeHTTP(w, r)
	})
}

func (s *Server) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		question := &request.Authorization{User: state.User, Info: state.Info}
		decision, reason, err := s.Authorizer.Authorize(r.Context(), question)
		state.Annotate("authorization.k8s.io/reason", reason)
		if decision != request.Allow {
			if err != nil {
				slog.Debug("authorization failed", "user", state.User.Name, "path", state.Info.Path, "error", err)
			}
			state.Annotate("authorization.k8s.io/decision", "forbid")
			refuse(w, r, authz.Forbidden(question, reason))
			return
		}
		state.Annotate("authorization.k8s.io/decision", "allow")
		next.ServeHTTP(w, r)
	})
}

// refuse tells a client that it may not. What it asked for stands in the answer, so
// no browser is to guess what that is.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	wire.Error(w, r, err)
}
