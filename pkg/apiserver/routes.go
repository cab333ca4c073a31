package apiserver

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/component"
)

// routes stands at the end of the chain.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for kind, checks := range map[string][]component.Check{"livez": s.live(), "readyz": s.ready(), "healthz": s.live()} {
		handler := component.HealthHandler(kind, checks...)
		mux.Handle("/"+kind, handler)
		mux.Handle("/"+kind+"/", handler)
	}
	mux.HandleFunc("GET /version", serveVersion)
	mux.HandleFunc("GET /version/{$}", serveVersion)
	mux.HandleFunc("/version", refuseMethod)
	mux.HandleFunc("HEAD /version", refuseMethod)
	mux.HandleFunc("/version/", func(w http.ResponseWriter, r *http.Request) { wire.Error(w, r, wire.NotFoundRoute()) })
	mux.Handle("/metrics", promhttp.HandlerFor(s.metrics(), promhttp.HandlerOpts{}))
	if s.Profiling {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	}
	paths := []string{"/flagz", "/healthz", "/livez", "/metrics", "/readyz", "/statusz", "/version"}
	for pattern, handler := range s.Routes {
		mux.Handle(pattern, handler)
		paths = append(paths, pattern)
	}
	discovery := newDiscovery(s.Resources, s.Address)
	paths = append(paths, discovery.paths()...)
	slices.Sort(paths)
	mux.Handle("/flagz", flagz(s.Flags))
	mux.Handle("/statusz", statusz(time.Now(), paths))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { servePaths(w, paths) })
	mux.Handle("/api", discovery)
	mux.Handle("/api/", discovery)
	mux.Handle("/apis", discovery)
	mux.Handle("/apis/", discovery)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.InfoFrom(r.Context())
		switch {
		case strings.HasPrefix(r.URL.Path, "//"):
			http.NotFound(w, r)
		case info.IsResource && discovery.serves(info.APIGroup, info.APIVersion):
			s.resources.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func refuseMethod(w http.ResponseWriter, r *http.Request) { wire.Error(w, r, wire.MethodNotAllowed()) }

// metrics are the process's and those of this server's store.
func (s *Server) metrics() prometheus.Gatherer {
	own := prometheus.NewRegistry()
	own.MustRegister(&storeCollector{resources: s.Resources, store: s.Store, size: s.StorageSize})
	return prometheus.Gatherers{component.Registry, own}
}

// servePaths lists what is served, for people.
func servePaths(w http.ResponseWriter, paths []string) {
	w.Header().Set("Content-Type", "application/json")
	data, err := json.MarshalIndent(map[string][]string{"paths": paths}, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(data)
}
