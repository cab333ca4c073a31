package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"slowmo/pkg/component"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/server"
)

// servers are the kubelet's HTTPS server and its plain health endpoint.
type servers struct {
	config   *Config
	serving  *component.Serving
	listener net.Listener
	rest     *rest.Config
}

// newServer takes the port.
func newServer(c *Config, rc *rest.Config, all *shared, k *instance, runtime cri.Runtime) (*servers, error) {
	serving := component.NewServing("kubelet", c.Port)
	serving.BindAddress, serving.CertDir, serving.ClientCAFile = c.Address, c.CertDir, c.ClientCAFile
	serving.CertFile, serving.KeyFile = c.CertFile, c.KeyFile
	serving.Attributes = server.Attributes(c.NodeName)
	(&server.Server{
		NodeName: c.NodeName, Pods: k.pods, Runtime: runtime, RootDir: c.RootDir, Probes: all.probes,
	}).Routes(serving)
	component.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubelet_node_name", Help: "Always 1; the label is the node's name.",
		ConstLabels: prometheus.Labels{"node": c.NodeName},
	}, func() float64 { return 1 }))
	listener, err := serving.Listen()
	if err != nil {
		return nil, fmt.Errorf("%w (the kubelet's flag is --port)", err)
	}
	return &servers{config: c, serving: serving, listener: listener, rest: rc}, nil
}

func (s *servers) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.serving.Serve(ctx, s.listener, s.rest) })
	group.Go(func() error { return serveHealthz(ctx, s.config) })
	return group.Wait()
}

// serveHealthz answers /healthz in plain HTTP, for whoever watches the process.
func serveHealthz(ctx context.Context, c *Config) error {
	if c.HealthzPort == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(c.HealthzAddress, strconv.Itoa(c.HealthzPort)))
	if err != nil {
		return fmt.Errorf("health endpoint: %w; give another --healthz-port, or 0", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/healthz", component.HealthHandler("healthz", component.Ping))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
