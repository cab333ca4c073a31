// Package probe asks containers how they are.
//
// A Runner belongs to one instance of a container: it waits for the startup
// probe to pass, then runs liveness and readiness probes side by side, and tells
// its owner each time the container's health changes. It decides nothing: the
// pod's worker restarts what a probe says has failed.
//
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// Result is the outcome of one probe.
type Result int

// A probe passed, failed, or could not be made. The last changes nothing.
const (
	Success Result = iota
	Failure
	Unknown
)

// userAgent is what HTTP and gRPC probes call themselves.
const userAgent = "kube-probe/1.37"

// maxOutput bounds what is kept of a probe's output.
const maxOutput = 10 << 10

// Target is the container that is asked.
type Target struct {
	ID        string
	PodIP     string
	Container *v1.Container
	Runtime   cri.Containers
}

// Check makes one probe and returns what it said.
func (t *Target) Check(ctx context.Context, p *v1.Probe) (Result, string) {
	timeout := time.Duration(max(p.TimeoutSeconds, 1)) * time.Second
	switch {
	case p.Exec != nil:
		return t.exec(ctx, p.Exec.Command, timeout)
	case p.HTTPGet != nil:
		return t.http(ctx, p.HTTPGet, timeout)
	case p.TCPSocket != nil:
		return t.tcp(ctx, p.TCPSocket, timeout)
	case p.GRPC != nil:
		return t.grpc(ctx, p.GRPC, timeout)
	}
	return Unknown, "missing probe handler for " + t.Container.Name
}

func (t *Target) exec(ctx context.Context, command []string, timeout time.Duration) (Result, string) {
	answer, err := t.Runtime.ExecSync(ctx, &runtimeapi.ExecSyncRequest{
		ContainerId: t.ID, Cmd: command, Timeout: int64(timeout / time.Second),
	})
	switch {
	case status.Code(err) == codes.DeadlineExceeded:
		return Failure, fmt.Sprintf("command timed out: %q timed out after %s", strings.Join(command, " "), timeout)
	case err != nil:
		return Unknown, err.Error()
	}
	output := string(answer.Stdout) + string(answer.Stderr)
	output = output[:min(len(output), maxOutput)]
	if answer.ExitCode != 0 {
		return Failure, output
	}
	return Success, output
}

// http passes for answers from 200 to 399. Redirects to other hosts are not
// followed; certificates are not checked.
func (t *Target) http(ctx context.Context, get *v1.HTTPGetAction, timeout time.Duration) (Result, string) {
	request, err := t.request(ctx, get)
	if err != nil {
		return Unknown, err.Error()
	}
	transport := &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the contract of HTTPS probes
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	client := &http.Client{
		Transport: transport,
		Timeout:   timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			switch {
			case r.URL.Hostname() != via[0].URL.Hostname():
				return http.ErrUseLastResponse
			case len(via) >= 10:
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
	response, err := client.Do(request)
	if err != nil {
		return Failure, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxOutput))
	if err != nil {
		return Failure, err.Error()
	}
	if response.StatusCode >= 200 && response.StatusCode < 400 {
		return Success, string(body)
	}
	return Failure, fmt.Sprintf("HTTP probe failed with statuscode: %d", response.StatusCode)
}

func (t *Target) request(ctx context.Context, get *v1.HTTPGetAction) (*http.Request, error) {
	port, err := t.port(get.Port)
	if err != nil {
		return nil, err
	}
	host := get.Host
	if host == "" {
		host = t.PodIP
	}
	u, err := url.Parse(get.Path)
	if err != nil {
		u = &url.URL{Path: get.Path}
	}
	u.Scheme, u.Host = strings.ToLower(string(get.Scheme)), net.JoinHostPort(host, strconv.Itoa(port))
	if u.Scheme == "" {
		u.Scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range get.HTTPHeaders {
		request.Header.Add(h.Name, h.Value)
	}
	if _, ok := request.Header["User-Agent"]; !ok {
		request.Header.Set("User-Agent", userAgent)
	}
	if _, ok := request.Header["Accept"]; !ok {
		request.Header.Set("Accept", "*/*")
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	return request, nil
}

func (t *Target) tcp(ctx context.Context, socket *v1.TCPSocketAction, timeout time.Duration) (Result, string) {
	port, err := t.port(socket.Port)
	if err != nil {
		return Unknown, err.Error()
	}
	host := socket.Host
	if host == "" {
		host = t.PodIP
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return Failure, err.Error()
	}
	conn.Close()
	return Success, ""
}

// grpc asks the standard health service.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
func (t *Target) grpc(ctx context.Context, action *v1.GRPCAction, timeout time.Duration) (Result, string) {
	address := net.JoinHostPort(t.PodIP, strconv.Itoa(int(action.Port)))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithUserAgent(userAgent), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return Failure, err.Error()
	}
	defer conn.Close()
	service := ""
	if action.Service != nil {
		service = *action.Service
	}
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	switch {
	case status.Code(err) == codes.Unimplemented:
		return Failure, fmt.Sprintf("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): %s", cri.Message(err))
	case status.Code(err) == codes.DeadlineExceeded:
		return Failure, fmt.Sprintf("timeout: health rpc did not complete within %v", timeout)
	case err != nil:
		return Failure, fmt.Sprintf("error: health rpc probe failed: %v", err)
	case answer.GetStatus() != healthpb.HealthCheckResponse_SERVING:
		return Failure, fmt.Sprintf("service unhealthy (responded with %q)", answer.GetStatus().String())
	}
	return Success, ""
}

func (t *Target) port(p intstr.IntOrString) (int, error) { return Port(t.Container, p) }

// Port is a port's number, which may be given by the name of one of the
// container's ports.
func Port(c *v1.Container, p intstr.IntOrString) (int, error) {
	if p.Type == intstr.Int {
		return p.IntValue(), nil
	}
	for _, named := range c.Ports {
		if named.Name == p.StrVal {
			return int(named.ContainerPort), nil
		}
	}
	if n, err := strconv.Atoi(p.StrVal); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("couldn't find port: %v in container %s", p.StrVal, c.Name)
}

// hookTimeout bounds hooks that nothing else bounds; preStop hooks are bounded
// by the grace period.
const hookTimeout = time.Hour

// Hook runs a lifecycle hook, which is done as a probe is, but without a timeout
// of its own.
func (t *Target) Hook(ctx context.Context, h *v1.LifecycleHandler) (Result, string) {
	timeout := hookTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline).Round(time.Second), time.Second)
	}
	switch {
	case h.Exec != nil:
		return t.exec(ctx, h.Exec.Command, timeout)
	case h.HTTPGet != nil:
		return t.http(ctx, h.HTTPGet, timeout)
	case h.TCPSocket != nil:
		return Success, "" // in the API for old clients; upstream does nothing either
	}
	return Unknown, "invalid handler: it has neither exec, httpGet nor sleep"
}
