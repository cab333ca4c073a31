package fake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// killed is the exit code of a process that was killed.
const killed = 137

// CreateContainer implements cri.Runtime.
func (r *Runtime) CreateContainer(_ context.Context, req *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sandbox := r.sandboxes[req.PodSandboxId]
	if sandbox == nil {
		return nil, notFound("sandbox", req.PodSandboxId)
	}
	if sandbox.State != runtimeapi.PodSandboxState_SANDBOX_READY {
		return nil, status.Errorf(codes.Unknown, "sandbox %s is not ready", req.PodSandboxId)
	}
	image := r.find(req.Config.GetImage().GetImage())
	if image == nil {
		return nil, notFound("image", req.Config.GetImage().GetImage())
	}
	c := &container{sandbox: req.PodSandboxId, config: req.Config, ContainerStatus: &runtimeapi.ContainerStatus{
		Id: r.id(), Metadata: req.Config.Metadata, State: runtimeapi.ContainerState_CONTAINER_CREATED,
		CreatedAt: time.Now().UnixNano(), Image: &runtimeapi.ImageSpec{Image: image.RepoTags[0]}, ImageRef: image.Id,
		Labels: req.Config.Labels, Annotations: req.Config.Annotations, Mounts: req.Config.Mounts,
	}}
	r.containers[c.Id] = c
	return &runtimeapi.CreateContainerResponse{ContainerId: c.Id}, nil
}

// StartContainer implements cri.Runtime.
func (r *Runtime) StartContainer(_ context.Context, req *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[req.ContainerId]
	if c == nil {
		return nil, notFound("container", req.ContainerId)
	}
	if c.State != runtimeapi.ContainerState_CONTAINER_CREATED {
		return nil, status.Errorf(codes.Unknown, "container is in %s state", c.State)
	}
	c.State, c.StartedAt = runtimeapi.ContainerState_CONTAINER_RUNNING, time.Now().UnixNano()
	return &runtimeapi.StartContainerResponse{}, nil
}

// StopContainer implements cri.Runtime: a fake process obeys TERM at once.
func (r *Runtime) StopContainer(_ context.Context, req *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	r.mu.Lock()
	tell := func() {}
	if c := r.containers[req.ContainerId]; c != nil && c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
		code := int32(0)
		if req.Timeout <= 0 {
			code = killed
		}
		tell = r.exit(c, code)
	}
	r.mu.Unlock()
	tell()
	return &runtimeapi.StopContainerResponse{}, nil
}

// RemoveContainer implements cri.Runtime.
func (r *Runtime) RemoveContainer(ctx context.Context, req *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	if _, err := r.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: req.ContainerId}); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.containers, req.ContainerId)
	return &runtimeapi.RemoveContainerResponse{}, nil
}

// ListContainers implements cri.Runtime. It knows the filters by id, state,
// sandbox and labels.
func (r *Runtime) ListContainers(_ context.Context, req *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, answer := req.GetFilter(), &runtimeapi.ListContainersResponse{}
	for _, c := range r.containers {
		if f.GetId() != "" && f.Id != c.Id || f.GetState() != nil && f.State.State != c.State ||
			f.GetPodSandboxId() != "" && f.PodSandboxId != c.sandbox || !selects(f.GetLabelSelector(), c.Labels) {
			continue
		}
		answer.Containers = append(answer.Containers, &runtimeapi.Container{
			Id: c.Id, PodSandboxId: c.sandbox, Metadata: c.Metadata, Image: c.Image, ImageRef: c.ImageRef,
			State: c.State, CreatedAt: c.CreatedAt, Labels: c.Labels, Annotations: c.Annotations,
		})
	}
	return answer, nil
}

// ContainerStatus implements cri.Runtime.
func (r *Runtime) ContainerStatus(_ context.Context, req *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[req.ContainerId]
	if c == nil {
		return nil, notFound("container", req.ContainerId)
	}
	return &runtimeapi.ContainerStatusResponse{Status: clone(c.ContainerStatus)}, nil
}

// UpdateContainerResources implements cri.Runtime: nothing is limited.
func (r *Runtime) UpdateContainerResources(_ context.Context, req *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[req.ContainerId]
	if c == nil {
		return nil, notFound("container", req.ContainerId)
	}
	c.Resources = &runtimeapi.ContainerResources{Linux: req.Linux}
	return &runtimeapi.UpdateContainerResourcesResponse{}, nil
}

// ReopenContainerLog implements cri.Runtime: there is no log.
func (r *Runtime) ReopenContainerLog(context.Context, *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	return &runtimeapi.ReopenContainerLogResponse{}, nil
}

// ListContainerStats implements cri.Runtime: nothing is used.
func (r *Runtime) ListContainerStats(context.Context, *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	return &runtimeapi.ListContainerStatsResponse{}, nil
}

// ExecSync implements cri.Runtime: any command succeeds without output.
func (r *Runtime) ExecSync(_ context.Context, req *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[req.ContainerId]
	if c == nil || c.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return nil, notFound("running container", req.ContainerId)
	}
	return &runtimeapi.ExecSyncResponse{}, nil
}

// Refuse makes pulls of an image fail, as if no registry had it.
func (r *Runtime) Refuse(image string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missing[image] = true
}

// PullImage implements cri.Runtime: there is every image but those refused.
func (r *Runtime) PullImage(_ context.Context, req *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := req.GetImage().GetImage()
	if r.missing[name] {
		return nil, status.Errorf(codes.NotFound, "failed to pull and unpack image %q: not found", name)
	}
	id := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name)))
	if r.images[id] == nil {
		r.images[id] = &runtimeapi.Image{Id: id, RepoTags: []string{name}, Size: 1 << 20}
	}
	return &runtimeapi.PullImageResponse{ImageRef: id}, nil
}

// find is an image by id or name; r.mu is held.
func (r *Runtime) find(name string) *runtimeapi.Image {
	for _, image := range r.images {
		if image.Id == name || image.RepoTags[0] == name {
			return image
		}
	}
	return nil
}

// ImageStatus implements cri.Runtime.
func (r *Runtime) ImageStatus(_ context.Context, req *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &runtimeapi.ImageStatusResponse{Image: r.find(req.GetImage().GetImage())}, nil
}

// ListImages implements cri.Runtime.
func (r *Runtime) ListImages(context.Context, *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := &runtimeapi.ListImagesResponse{}
	for _, image := range r.images {
		answer.Images = append(answer.Images, image)
	}
	return answer, nil
}

// RemoveImage implements cri.Runtime.
func (r *Runtime) RemoveImage(_ context.Context, req *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if image := r.find(req.GetImage().GetImage()); image != nil {
		delete(r.images, image.Id)
	}
	return &runtimeapi.RemoveImageResponse{}, nil
}

// ImageFsInfo implements cri.Runtime: images take no space.
func (r *Runtime) ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	return &runtimeapi.ImageFsInfoResponse{}, nil
}
