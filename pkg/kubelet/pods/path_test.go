package pods

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// calls is a runtime that notes what it is asked and can be interrupted.
type calls struct {
	cri.Runtime
	mu    sync.Mutex
	names []string
	after map[string]func() // called once, when the call of that name was done
}

func (c *calls) done(name string) {
	c.mu.Lock()
	c.names = append(c.names, name)
	after := c.after[name]
	delete(c.after, name)
	c.mu.Unlock()
	if after != nil {
		after()
	}
}

func (c *calls) RunPodSandbox(ctx context.Context, r *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	defer c.done("RunPodSandbox")
	return c.Runtime.RunPodSandbox(ctx, r)
}
func (c *calls) PodSandboxStatus(ctx context.Context, r *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	defer c.done("PodSandboxStatus")
	return c.Runtime.PodSandboxStatus(ctx, r)
}
func (c *calls) ListPodSandbox(ctx context.Context, r *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	if r.Filter != nil { // the list of everything is not a pod's
		defer c.done("ListPodSandbox")
	}
	return c.Runtime.ListPodSandbox(ctx, r)
}
func (c *calls) CreateContainer(ctx context.Context, r *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	defer c.done("CreateContainer")
	return c.Runtime.CreateContainer(ctx, r)
}
func (c *calls) StartContainer(ctx context.Context, r *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	defer c.done("StartContainer")
	return c.Runtime.StartContainer(ctx, r)
}
func (c *calls) ListContainers(ctx context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	if r.Filter != nil {
		defer c.done("ListContainers")
	}
	return c.Runtime.ListContainers(ctx, r)
}
func (c *calls) ContainerStatus(ctx context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	defer c.done("ContainerStatus")
	return c.Runtime.ContainerStatus(ctx, r)
}
func (c *calls) ImageStatus(ctx context.Context, r *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	defer c.done("ImageStatus")
	return c.Runtime.ImageStatus(ctx, r)
}

// listed waits until the kubelet knows what the runtime has.
func (n *node) listed() {
	n.t.Helper()
	n.until("the runtime is listed", func() (bool, any) {
		n.manager.mu.Lock()
		defer n.manager.mu.Unlock()
		return n.manager.seen != nil, nil
	})
}

func TestANewPodTakesNoCallMoreThanItNeeds(t *testing.T) {
	n := newNode(t)
	n.create("first") // brings the image
	n.phase("first", v1.PodRunning)
	n.stop()
	seen := &calls{Runtime: n.runtime}
	n.via = seen
	n.start()
	n.listed()
	n.until("the first pod is looked at", func() (bool, any) {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return slices.Contains(seen.names, "ContainerStatus") && slices.Contains(seen.names, "PodSandboxStatus"), seen.names
	})
	seen.mu.Lock()
	seen.names = nil
	seen.mu.Unlock()
	n.create("p", func(p *v1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: "d", Image: p.Spec.Containers[0].Image})
	})
	n.phase("p", v1.PodRunning)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	got := slices.DeleteFunc(slices.Clone(seen.names), func(name string) bool { return name == "ImageStatus" })
	want := "[RunPodSandbox PodSandboxStatus CreateContainer StartContainer CreateContainer StartContainer ContainerStatus ContainerStatus]"
	if fmt.Sprint(got) != want || len(seen.names)-len(got) != 2 {
		t.Errorf("calls %v, want %s and two of ImageStatus, which are made beside the sandbox", seen.names, want)
	}
}

// A kubelet that ends between any two calls leaves a pod that the next one brings to
// its end: with one sandbox, and each container running once.
func TestKubeletThatEndsInTheMiddle(t *testing.T) {
	for _, call := range []string{"RunPodSandbox", "PodSandboxStatus", "ImageStatus", "CreateContainer", "StartContainer", "ContainerStatus"} {
		t.Run("after "+call, func(t *testing.T) {
			n := newNode(t)
			n.listed()
			n.stop()
			ended := make(chan struct{})
			seen := &calls{Runtime: n.runtime}
			n.via = seen
			n.start()
			n.listed()
			seen.mu.Lock()
			seen.after = map[string]func(){call: func() { n.cancel(); close(ended) }}
			seen.mu.Unlock()
			n.create("p")
			<-ended
			n.restart()
			n.phase("p", v1.PodRunning)
			rt := n.has("p")
			if running := rt.Running(); len(running) != 1 || running[0].SandboxID != rt.Ready().Id || n.sandboxes("p") != 1 {
				t.Errorf("%d running containers, %d ready sandboxes", len(rt.Running()), n.sandboxes("p"))
			}
		})
	}
}

// sandboxes counts those of a pod that are ready.
func (n *node) sandboxes(name string) (ready int) {
	for _, s := range n.has(name).Sandboxes {
		if s.State == runtimeapi.PodSandboxState_SANDBOX_READY {
			ready++
		}
	}
	return ready
}
