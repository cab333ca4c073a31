package cri

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pod is all that the runtime has of one pod, at one moment. It is not changed
// after it was read.
type Pod struct {
	Sandboxes  []*runtimeapi.PodSandboxStatus // newest first
	Containers []*Container                   // newest first
}

// Container is a container's status with what its annotations say.
type Container struct {
	*runtimeapi.ContainerStatus
	Info
	SandboxID string
}

// Running tells whether the container's process may be alive.
func (c *Container) Running() bool {
	return c.State == runtimeapi.ContainerState_CONTAINER_RUNNING
}

// Exited tells whether the container ended.
func (c *Container) Exited() bool {
	return c.State == runtimeapi.ContainerState_CONTAINER_EXITED
}

// StartedAtTime is zero when the container never started.
func (c *Container) StartedAtTime() time.Time {
	if c.StartedAt <= 0 {
		return time.Time{}
	}
	return time.Unix(0, c.StartedAt)
}

// Sandbox returns the newest sandbox, or nil.
func (p *Pod) Sandbox() *runtimeapi.PodSandboxStatus {
	if len(p.Sandboxes) == 0 {
		return nil
	}
	return p.Sandboxes[0]
}

// Ready returns the newest sandbox if it is ready, or nil.
func (p *Pod) Ready() *runtimeapi.PodSandboxStatus {
	if s := p.Sandbox(); s != nil && s.State == runtimeapi.PodSandboxState_SANDBOX_READY {
		return s
	}
	return nil
}

// Container returns the newest container of that name, or nil.
func (p *Pod) Container(name string) *Container {
	return p.nth(name, 0)
}

// Previous returns the one before the newest, or nil.
func (p *Pod) Previous(name string) *Container {
	return p.nth(name, 1)
}

func (p *Pod) nth(name string, n int) *Container {
	for _, c := range p.Containers {
		if c.Name == name {
			if n == 0 {
				return c
			}
			n--
		}
	}
	return nil
}

// ByID returns the container with that id, or nil.
func (p *Pod) ByID(id string) *Container {
	for _, c := range p.Containers {
		if c.Id == id {
			return c
		}
	}
	return nil
}

// Running returns the containers whose processes may be alive, newest first.
func (p *Pod) Running() []*Container {
	var running []*Container
	for _, c := range p.Containers {
		if c.Running() {
			running = append(running, c)
		}
	}
	return running
}

// Empty tells whether the runtime has nothing of the pod.
func (p *Pod) Empty() bool { return len(p.Sandboxes) == 0 && len(p.Containers) == 0 }

// ReadPod asks the runtime for all it has of the pod with that uid.
func ReadPod(ctx context.Context, r Runtime, uid types.UID) (*Pod, error) {
	selector := map[string]string{PodUIDLabel: string(uid)}
	pod := &Pod{}
	group, ctx := errgroup.WithContext(ctx) // a pod's start waits for this: both at a time
	group.Go(func() (err error) {
		pod.Sandboxes, err = readSandboxes(ctx, r, selector)
		return err
	})
	group.Go(func() (err error) {
		pod.Containers, err = readContainers(ctx, r, selector)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	pod.sort()
	return pod, nil
}

func readSandboxes(ctx context.Context, r Runtime, selector map[string]string) (sandboxes []*runtimeapi.PodSandboxStatus, err error) {
	list, err := r.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{LabelSelector: selector}})
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	for _, s := range list.Items {
		st, err := readSandbox(ctx, r, s.Id)
		if err != nil {
			return nil, err
		}
		if st != nil { // not removed since the list
			sandboxes = append(sandboxes, st)
		}
	}
	return sandboxes, nil
}

// readSandbox returns nil for a sandbox that is not there.
func readSandbox(ctx context.Context, r Runtime, id string) (*runtimeapi.PodSandboxStatus, error) {
	st, err := r.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: id})
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox status: %w", err)
	}
	return st.Status, nil
}

func readContainers(ctx context.Context, r Runtime, selector map[string]string) (containers []*Container, err error) {
	list, err := r.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{LabelSelector: selector}})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range list.Containers {
		st, err := readContainer(ctx, r, c.PodSandboxId, c.Id)
		if err != nil {
			return nil, err
		}
		if st != nil {
			containers = append(containers, st)
		}
	}
	return containers, nil
}

// readContainer returns nil for a container that is not there.
func readContainer(ctx context.Context, r Runtime, sandbox, id string) (*Container, error) {
	st, err := r.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("container status: %w", err)
	}
	return &Container{
		ContainerStatus: st.Status,
		Info:            ParseInfo(st.Status.Labels, st.Status.Annotations),
		SandboxID:       sandbox,
	}, nil
}

// AddSandbox returns p with a sandbox that was made after p was read.
func (p *Pod) AddSandbox(ctx context.Context, r Runtime, id string) (*Pod, error) {
	st, err := readSandbox(ctx, r, id)
	if err != nil || st == nil {
		return p, err
	}
	more := &Pod{Sandboxes: append(slices.Clone(p.Sandboxes), st), Containers: p.Containers}
	more.sort()
	return more, nil
}

// AddContainers returns p with containers that were made in a sandbox of p after p
// was read.
func (p *Pod) AddContainers(ctx context.Context, r Runtime, sandbox string, ids []string) (*Pod, error) {
	more := &Pod{Sandboxes: p.Sandboxes, Containers: slices.Clone(p.Containers)}
	for _, id := range ids {
		st, err := readContainer(ctx, r, sandbox, id)
		if err != nil {
			return nil, err
		}
		if st != nil {
			more.Containers = append(more.Containers, st)
		}
	}
	more.sort()
	return more, nil
}

func (p *Pod) sort() {
	sort.SliceStable(p.Sandboxes, func(i, j int) bool { return p.Sandboxes[i].CreatedAt > p.Sandboxes[j].CreatedAt })
	sort.SliceStable(p.Containers, func(i, j int) bool { return p.Containers[i].CreatedAt > p.Containers[j].CreatedAt })
}

// Orphan is a pod made up from a sandbox's metadata, for what the runtime has
// and the API no longer knows. It has the fields that stopping needs.
func Orphan(uid types.UID, p *Pod) *v1.Pod {
	pod := &v1.Pod{}
	pod.UID = uid
	grace := int64(v1.DefaultTerminationGracePeriodSeconds)
	if s := p.Sandbox(); s != nil && s.Metadata != nil {
		pod.Name, pod.Namespace = s.Metadata.Name, s.Metadata.Namespace
	}
	for _, c := range p.Containers {
		pod.Name, pod.Namespace, grace = c.PodName, c.PodNamespace, c.GraceSeconds
		pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{
			Name:      c.Name,
			Lifecycle: &v1.Lifecycle{PreStop: c.PreStop},
		})
	}
	pod.Spec.TerminationGracePeriodSeconds = &grace
	return pod
}
