// Package cri is the kubelet's view of a container runtime.
//
// Runtime is what the kubelet asks for: the part of the Container Runtime
// Interface (https://kubernetes.io/docs/concepts/architecture/cri/) that it
// uses, plus a stream of events. Dial gives the real one, over gRPC; package
// fake gives one in memory. Both keep the same promises, and one list of tests
// (package critest) holds them to it:
//
//   - A request either took effect or left nothing that needs undoing, except a
//     canceled RunPodSandbox, which may leave a sandbox that is not ready.
//   - Stopping and removing what is gone succeeds or answers NotFound.
//   - StopContainer returns only when the container's status says EXITED.
//     This makes it the barrier between an exit event and the runtime's books.
//   - Events may be lost, doubled and reordered; whoever needs certainty lists.
//
// Labels and annotations (labels.go) carry all that a kubelet needs to know of
// a sandbox or container that an earlier kubelet made, so nothing is stored
// beside the runtime.
package cri

import (
	"context"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Runtime runs sandboxes and containers and keeps images. All methods may be
// called concurrently. Errors are gRPC status errors.
type Runtime interface {
	Sandboxes
	Containers
	Images
	Streams

	Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error)
	Status(context.Context, *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error)
	RuntimeConfig(context.Context, *runtimeapi.RuntimeConfigRequest) (*runtimeapi.RuntimeConfigResponse, error)

	// Watch calls handle for each exit until ctx ends or the stream breaks, and
	// returns why. subscribed is called once no later event can be missed: list
	// after it to know all that happened. Runtimes without events answer
	// ErrNoEvents; the relist then has to do.
	Watch(ctx context.Context, subscribed func(), handle func(Exit)) error
}

// Sandboxes are pods as the runtime sees them: namespaces, network, cgroup.
type Sandboxes interface {
	RunPodSandbox(context.Context, *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error)
	StopPodSandbox(context.Context, *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error)
	RemovePodSandbox(context.Context, *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error)
	PodSandboxStatus(context.Context, *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error)
	ListPodSandbox(context.Context, *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error)
}

// Containers are the processes in a sandbox.
type Containers interface {
	CreateContainer(context.Context, *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error)
	StartContainer(context.Context, *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error)
	StopContainer(context.Context, *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error)
	RemoveContainer(context.Context, *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error)
	ListContainers(context.Context, *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error)
	ContainerStatus(context.Context, *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error)
	UpdateContainerResources(context.Context, *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error)
	ReopenContainerLog(context.Context, *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error)
	ListContainerStats(context.Context, *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error)
	ExecSync(context.Context, *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error)
}

// Images are what containers are made from.
type Images interface {
	PullImage(context.Context, *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error)
	ImageStatus(context.Context, *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error)
	ListImages(context.Context, *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error)
	RemoveImage(context.Context, *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error)
	ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error)
}

// Streams answer with the URL of the runtime's own streaming server, to which
// the kubelet connects its client.
type Streams interface {
	Exec(context.Context, *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error)
	Attach(context.Context, *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error)
	PortForward(context.Context, *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error)
}

// Exit is the end of a process: the one event that changes what the kubelet has
// to do. Only the kubelet starts containers, so it needs no news of that.
type Exit struct {
	ID string // of the container, or of the sandbox whose pause process it was
}
