package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
)

// Serving is the HTTPS server that each component has beside its work: /livez,
// /readyz, /healthz, /version, /metrics, /debug/pprof and what Handle adds. Health and
// version answer everybody; the rest asks the API server who the client is and
// whether it may (see Delegated). Its fields are flags.
type Serving struct {
	BindAddress              string
	Port                     int // 0 turns the server off
	CertFile, KeyFile        string
	CertDir                  string
	ClientCAFile             string
	AuthenticationKubeconfig string
	AuthorizationKubeconfig  string
	Profiling                bool
	Live, Ready              []Check
	Attributes               func(*http.Request) Attributes // nil: the path, as a non-resource URL
	routes                   http.ServeMux
	name                     string
}

// NewServing gives the defaults for a component that serves on port.
func NewServing(name string, port int) *Serving {
	return &Serving{name: name, BindAddress: "0.0.0.0", Port: port, Profiling: true, Live: []Check{Ping}, Ready: []Check{Ping}}
}

// AddTo adds the flags.
func (s *Serving) AddTo(f *Flags) {
	f.StringVar(&s.BindAddress, "bind-address", s.BindAddress, "address to serve on")
	f.IntVar(&s.Port, "secure-port", s.Port, "port to serve HTTPS on; 0 serves nothing")
	f.StringVar(&s.CertFile, "tls-cert-file", "", "serving certificate, PEM; without it one is made in --cert-dir or in memory")
	f.StringVar(&s.KeyFile, "tls-private-key-file", "", "its key, PEM")
	f.StringVar(&s.CertDir, "cert-dir", "", "where a made certificate is kept; empty keeps it in memory")
	f.StringVar(&s.ClientCAFile, "client-ca-file", "", "clients with a certificate of this authority are who it says; empty asks the cluster for it")
	f.StringVar(&s.AuthenticationKubeconfig, "authentication-kubeconfig", "", "kubeconfig to ask who a token is with; empty means --kubeconfig")
	f.StringVar(&s.AuthorizationKubeconfig, "authorization-kubeconfig", "", "kubeconfig to ask what a client may with; empty means --kubeconfig")
	f.BoolVar(&s.Profiling, "profiling", s.Profiling, "serve /debug/pprof")
}

// Handle adds a route that needs authorization.
func (s *Serving) Handle(pattern string, handler http.Handler) { s.routes.Handle(pattern, handler) }

// Listen takes the port, so that a port in use is an error before any work
// starts. It returns nil when the port is 0.
func (s *Serving) Listen() (net.Listener, error) {
	if s.Port == 0 {
		return nil, nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.BindAddress, strconv.Itoa(s.Port)))
	if err != nil {
		return nil, fmt.Errorf("cannot serve on port %d: %w; give another by --secure-port", s.Port, err)
	}
	return listener, nil
}

// Serve answers on listener until ctx ends; config reaches the API server for
// the questions of who and whether. A nil listener is served by waiting.
func (s *Serving) Serve(ctx context.Context, listener net.Listener, config *rest.Config) error {
	if listener == nil {
		<-ctx.Done()
		return nil
	}
	certificate, err := s.certificate()
	if err != nil {
		return err
	}
	gate, err := newDelegated(s, config)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           s.handler(gate),
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert,
			Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}},
	}
	stopped := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // a client that holds on is cut off
		}
	})()
	if err := Started(); err != nil {
		return err
	}
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}

func (s *Serving) handler(gate *Delegated) http.Handler {
	open := http.NewServeMux()
	for kind, checks := range map[string][]Check{"livez": s.Live, "readyz": s.Ready, "healthz": s.Live} {
		open.Handle("/"+kind, HealthHandler(kind, checks...))
		open.Handle("/"+kind+"/", HealthHandler(kind, checks...))
	}
	s.routes.Handle("/metrics", promhttp.HandlerFor(Registry, promhttp.HandlerOpts{}))
	s.routes.HandleFunc("/version", serveVersion)
	if s.Profiling {
		s.routes.HandleFunc("/debug/pprof/", pprof.Index)
		s.routes.HandleFunc("/debug/pprof/profile", pprof.Profile)
		s.routes.HandleFunc("/debug/pprof/trace", pprof.Trace)
		s.routes.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		s.routes.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	}
	open.Handle("/", gate.Guard(&s.routes))
	return open
}

func serveVersion(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\n  \"major\": \"1\",\n  \"minor\": \"37\",\n  \"gitVersion\": %q\n}\n", Version)
}

// certificate is the given one or a self-signed one, kept in CertDir if that is
// set so that it stays the same over restarts.
func (s *Serving) certificate() (tls.Certificate, error) {
	if s.CertFile != "" || s.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return pair, Usagef("--tls-cert-file and --tls-private-key-file: %w", err)
		}
		return pair, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return tls.Certificate{}, err
	}
	if s.CertDir != "" {
		if err := os.MkdirAll(s.CertDir, 0o700); err != nil {
			return tls.Certificate{}, fmt.Errorf("--cert-dir: %w", err)
		}
		certFile, keyFile := filepath.Join(s.CertDir, s.name+".crt"), filepath.Join(s.CertDir, s.name+".key")
		if pair, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil && pair.Leaf.NotAfter.After(time.Now()) {
			return pair, nil
		}
		cert, key, err := certutil.GenerateSelfSignedCertKey(host, nil, nil)
		if err != nil {
			return tls.Certificate{}, err
		}
		if err := errors.Join(certutil.WriteCert(certFile, cert), os.WriteFile(keyFile, key, 0o600)); err != nil {
			return tls.Certificate{}, err
		}
		return tls.X509KeyPair(cert, key)
	}
	cert, key, err := certutil.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// readPool reads the certificates of an authority.
func readPool(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("it holds no PEM certificate")
	}
	return pool, nil
}
