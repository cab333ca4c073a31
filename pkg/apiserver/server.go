package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/fairness"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/rest"
	"slowmo/pkg/component"
	"slowmo/pkg/storage"
)

// Config is what a Server is made of. Fields that say so may be left zero.
type Config struct {
	Resources []*api.Resource
	Scheme    *runtime.Scheme
	Store     *storage.Store
	// StorageSize returns the size of the database in bytes, for /metrics. May be nil.
	StorageSize func(ctx context.Context) (int64, error)

	Authenticator request.Authenticator
	Authorizer    request.Authorizer
	Admission     request.Admission
	Auditor       request.Auditor      // nil: no audit
	Tracer        trace.TracerProvider // nil: no spans
	Schemas       *fairness.Schemas    // nil: those of a new cluster

	// What resources do beside storing; see package rest. May be nil.
	Listers    map[string]rest.Lister
	Actions    map[string]rest.Action
	Connectors map[string]http.Handler
	Companions map[string]rest.Companion

	// Routes are further paths, by the patterns of http.ServeMux: OpenAPI,
	// the issuer's keys. May be nil.
	Routes map[string]http.Handler

	Address                  string // host:port at which clients are told to reach the server
	TLS                      *tls.Config
	MaxRequests, MaxMutating int // their sum may run at once; 0 is no limit
	Profiling                bool
	Flags                    map[string]string // shown on /flagz
	ShutdownDelay            time.Duration     // how long to serve on, not ready, after the end was asked for

	// PostStart runs once the server serves; it is ready when all of them have returned.
	PostStart []Hook
}

// Hook is something that has to be done before the server is ready.
type Hook struct {
	Name string // shown as the check poststarthook/<name>
	Run  func(ctx context.Context) error
}

// Server is the HTTP front of a store.
type Server struct {
	Config
	patience  patience
	resources *rest.Handler
	hooked    []atomic.Bool // by the index of PostStart: it has returned

	stopping atomic.Bool     // the end was asked for: not ready any more
	draining context.Context // ends when long-running requests have to
	drain    context.CancelFunc
}

// New checks c and makes the server. It serves nothing before Run.
func New(c Config) (*Server, error) {
	if c.Authenticator == nil || c.Authorizer == nil || c.Admission == nil || c.Store == nil || c.Scheme == nil {
		return nil, errors.New("the server needs a store, a scheme, an authenticator, an authorizer and admission")
	}
	draining, drain := context.WithCancel(context.Background())
	resources, err := rest.NewHandler(rest.Config{Resources: c.Resources, Store: c.Store, Scheme: c.Scheme, Authorizer: c.Authorizer, Admission: c.Admission,
		Listers: c.Listers, Actions: c.Actions, Connectors: c.Connectors, Companions: c.Companions, Draining: draining.Done()})
	if err != nil {
		drain()
		return nil, err
	}
	return &Server{Config: c, patience: standardPatience, resources: resources, hooked: make([]atomic.Bool, len(c.PostStart)),
		draining: draining, drain: drain}, nil
}

// Handler returns the whole chain, for tests that need no listener.
func (s *Server) Handler() http.Handler { return s.chain() }

// shutdownGrace is how long ordinary requests may take to end.
const shutdownGrace = 10 * time.Second

// Run serves on listener until ctx ends and everything under way is answered.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	server := s.patience.server(s.chain())
	server.TLSConfig = s.TLS
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		if err := s.runHooks(ctx); err != nil {
			return err
		}
		s.resources.Warm()
		// Not before: those who are told of it ask for leases with the first roles.
		return component.Started()
	})
	group.Go(func() error {
		<-ctx.Done()
		return s.shutDown(server)
	})
	return group.Wait()
}

// runHooks runs what has to be done once after the start, side by side.
func (s *Server) runHooks(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, hook := range s.PostStart {
		group.Go(func() error {
			if err := hook.Run(ctx); err != nil {
				return fmt.Errorf("%s: %w", hook.Name, err)
			}
			s.hooked[i].Store(true)
			return nil
		})
	}
	return group.Wait()
}

// shutDown lets load balancers see that the server is going, ends the
// long-running requests and waits for the others.
func (s *Server) shutDown(server *http.Server) error {
	s.stopping.Store(true)
	<-time.After(s.ShutdownDelay)
	s.drain()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		return server.Close() // a client that holds on is cut off
	}
	return nil
}

// live are the checks that a restart of the server would mend.
func (s *Server) live() []component.Check {
	return []component.Check{component.Ping, {Name: "etcd", Run: s.Store.Ready}}
}

// ready are the checks that must pass before clients are sent here.
func (s *Server) ready() []component.Check {
	checks := append(s.live(), component.Check{Name: "informer-sync", Run: s.Store.Ready})
	for i, hook := range s.PostStart {
		checks = append(checks, component.Check{Name: "poststarthook/" + hook.Name, Run: func(context.Context) error {
			if !s.hooked[i].Load() {
				return errors.New("not finished")
			}
			return nil
		}})
	}
	return append(checks, component.Check{Name: "shutdown", Run: func(context.Context) error {
		if s.stopping.Load() {
			return errors.New("the server is shutting down")
		}
		return nil
	}})
}
