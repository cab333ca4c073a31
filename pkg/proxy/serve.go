package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"slowmo/pkg/component"
)

// stale is how long a change may wait for the kernel before the proxy is not healthy.
const stale = 2 * time.Minute

// Health is nil while the rules follow the cluster.
func (p *Proxy) Health(context.Context) error {
	if p.lastSync.Load() == 0 {
		return errors.New("the rules have not been written yet")
	}
	if since := p.pendingSince.Load(); since != 0 && time.Since(time.Unix(0, since)) > stale {
		return fmt.Errorf("a change has waited since %s", time.Unix(0, since).Format(time.RFC3339))
	}
	return nil
}

// healthHandler answers load balancers on /healthz and /livez, with the times that upstream's does.
func (p *Proxy) healthHandler() http.Handler {
	answer := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		now := time.Now()
		last, err := now, p.Health(r.Context())
		if err != nil {
			last = time.Unix(0, p.lastSync.Load())
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// The client is gone when this fails.
		_ = json.NewEncoder(w).Encode(map[string]any{"lastUpdated": last.UTC().String(), "currentTime": now.UTC().String(), "nodeEligible": true})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", answer)
	mux.HandleFunc("/livez", answer)
	mux.Handle("/readyz", component.HealthHandler("readyz", component.Check{Name: "rules", Run: p.Health}))
	return mux
}

// metricsHandler answers Prometheus and people on this machine.
func (p *Proxy) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	for _, kind := range []string{"healthz", "livez", "readyz"} {
		mux.Handle("/"+kind, component.HealthHandler(kind, component.Check{Name: "rules", Run: p.Health}))
	}
	mux.Handle("/metrics", promhttp.HandlerFor(component.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/proxyMode", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, mode) })
	return mux
}

// serve answers on address until ctx ends; "" answers nothing. It returns a function that serves once the
// port is ours, so that a port in use is an error before any work starts.
func serve(address, flag string, handler http.Handler) (func(context.Context) error, error) {
	if address == "" {
		return func(context.Context) error { return nil }, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot serve on %s: %w; give another address by %s", address, err, flag)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, nil
}
