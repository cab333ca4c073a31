package cri

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ErrNoEvents is what Watch returns when the runtime has no event stream that
// we know.
var ErrNoEvents = errors.New("the container runtime has no event stream")

// Client is a Runtime over gRPC. Close it when done.
type Client struct {
	runtime runtimeapi.RuntimeServiceClient
	image   runtimeapi.ImageServiceClient
	conn    *grpc.ClientConn
	metrics metrics
}

// maxMessageSize is upstream's bound on a CRI message: lists of a full node
// exceed gRPC's own 4 MiB.
const maxMessageSize = 16 << 20

// requestTimeout bounds calls that do no lasting work, as upstream's
// --runtime-request-timeout does.
const requestTimeout = 2 * time.Minute

// reconnect is how soon a runtime that was restarted is found again. gRPC's own
// two minutes would leave the node without one.
var reconnect = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second}

// Dial prepares a connection to a CRI socket. endpoint is a path or a unix://
// URL. It does not wait for the runtime: the first call tells whether it is there.
// Call counts and times are registered with reg under upstream's names
// kubelet_runtime_operations_*.
func Dial(endpoint string, reg prometheus.Registerer) (*Client, error) {
	path := strings.TrimPrefix(endpoint, "unix://")
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("container runtime endpoint %q: give a unix socket, such as unix:///run/containerd/containerd.sock", endpoint)
	}
	c := &Client{metrics: newMetrics(reg)}
	conn, err := grpc.NewClient("unix://"+path,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageSize)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: reconnect.MaxDelay}),
		grpc.WithUnaryInterceptor(c.intercept))
	if err != nil {
		return nil, fmt.Errorf("container runtime endpoint %q: %w", endpoint, err)
	}
	c.conn = conn
	c.runtime = runtimeapi.NewRuntimeServiceClient(conn)
	c.image = runtimeapi.NewImageServiceClient(conn)
	return c, nil
}

// Close ends the connection and with it all calls under way.
func (c *Client) Close() error { return c.conn.Close() }

// intercept times each call and bounds those that nothing else bounds. Pulling,
// stopping and ExecSync take as long as their own arguments say.
func (c *Client) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := method[strings.LastIndexByte(method, '/')+1:]
	switch name {
	case "PullImage", "StopContainer", "ExecSync":
	case "RunPodSandbox":
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*requestTimeout)
		defer cancel()
	default:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	start := time.Now()
	err := invoke(ctx, method, req, reply, cc, opts...)
	c.metrics.observe(name, time.Since(start), err)
	return err
}

// The methods of Runtime are the generated ones without call options.

func (c *Client) Version(ctx context.Context, r *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return c.runtime.Version(ctx, r)
}
func (c *Client) Status(ctx context.Context, r *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	return c.runtime.Status(ctx, r)
}
func (c *Client) RuntimeConfig(ctx context.Context, r *runtimeapi.RuntimeConfigRequest) (*runtimeapi.RuntimeConfigResponse, error) {
	return c.runtime.RuntimeConfig(ctx, r)
}
func (c *Client) RunPodSandbox(ctx context.Context, r *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	return c.runtime.RunPodSandbox(ctx, r)
}
func (c *Client) StopPodSandbox(ctx context.Context, r *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	return c.runtime.StopPodSandbox(ctx, r)
}
func (c *Client) RemovePodSandbox(ctx context.Context, r *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	return c.runtime.RemovePodSandbox(ctx, r)
}
func (c *Client) PodSandboxStatus(ctx context.Context, r *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	return c.runtime.PodSandboxStatus(ctx, r)
}
func (c *Client) ListPodSandbox(ctx context.Context, r *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	return c.runtime.ListPodSandbox(ctx, r)
}
func (c *Client) CreateContainer(ctx context.Context, r *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	return c.runtime.CreateContainer(ctx, r)
}
func (c *Client) StartContainer(ctx context.Context, r *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	return c.runtime.StartContainer(ctx, r)
}
func (c *Client) StopContainer(ctx context.Context, r *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	return c.runtime.StopContainer(ctx, r)
}
func (c *Client) RemoveContainer(ctx context.Context, r *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	return c.runtime.RemoveContainer(ctx, r)
}
func (c *Client) ListContainers(ctx context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	return c.runtime.ListContainers(ctx, r)
}
func (c *Client) ContainerStatus(ctx context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	return c.runtime.ContainerStatus(ctx, r)
}
func (c *Client) UpdateContainerResources(ctx context.Context, r *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error) {
	return c.runtime.UpdateContainerResources(ctx, r)
}
func (c *Client) ReopenContainerLog(ctx context.Context, r *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	return c.runtime.ReopenContainerLog(ctx, r)
}
func (c *Client) ListContainerStats(ctx context.Context, r *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	return c.runtime.ListContainerStats(ctx, r)
}
func (c *Client) ExecSync(ctx context.Context, r *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	return c.runtime.ExecSync(ctx, r)
}
func (c *Client) Exec(ctx context.Context, r *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	return c.runtime.Exec(ctx, r)
}
func (c *Client) Attach(ctx context.Context, r *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	return c.runtime.Attach(ctx, r)
}
func (c *Client) PortForward(ctx context.Context, r *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	return c.runtime.PortForward(ctx, r)
}
func (c *Client) PullImage(ctx context.Context, r *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	return c.image.PullImage(ctx, r)
}
func (c *Client) ImageStatus(ctx context.Context, r *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	return c.image.ImageStatus(ctx, r)
}
func (c *Client) ListImages(ctx context.Context, r *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	return c.image.ListImages(ctx, r)
}
func (c *Client) RemoveImage(ctx context.Context, r *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	return c.image.RemoveImage(ctx, r)
}
func (c *Client) ImageFsInfo(ctx context.Context, r *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	return c.image.ImageFsInfo(ctx, r)
}
