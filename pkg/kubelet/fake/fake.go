// Package fake is a container runtime without containers: a Runtime that keeps
// in memory what it was asked for, and says that it runs.
//
// With it a kubelet can be any number of nodes (--runtime=fake), and tests need
// no root. It keeps the promises of package cri, which the tests in critest hold
// it to together with the real one. A container runs until it is stopped, or a
// test ends it with Exit.
package fake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/node"
	"slowmo/pkg/kubelet/volume"
)

// Runtime is in memory. Safe for concurrent use.
type Runtime struct {
	subnet int // the third and second byte of pods' addresses

	mu         sync.Mutex
	next       int // number of the next sandbox, container or image
	addresses  int // given out so far
	sandboxes  map[string]*runtimeapi.PodSandboxStatus
	containers map[string]*container
	images     map[string]*runtimeapi.Image
	watchers   map[int]func(cri.Exit)
	missing    map[string]bool // images that cannot be pulled
}

type container struct {
	*runtimeapi.ContainerStatus
	sandbox string
	config  *runtimeapi.ContainerConfig
}

var _ cri.Runtime = (*Runtime)(nil)

// New makes an empty one. Its pods' addresses are in the subnet with that number.
func New(subnet int) *Runtime {
	return &Runtime{
		subnet: subnet, sandboxes: map[string]*runtimeapi.PodSandboxStatus{}, containers: map[string]*container{},
		images: map[string]*runtimeapi.Image{}, watchers: map[int]func(cri.Exit){}, missing: map[string]bool{},
	}
}

// Facts are those of a node that is large enough for anything.
func Facts() node.Facts {
	return node.Facts{
		Info: v1.NodeSystemInfo{
			OSImage: "fake", KernelVersion: "fake", OperatingSystem: "linux", Architecture: "amd64",
			MachineID: "fake", SystemUUID: "fake", BootID: "fake",
		},
		Capacity: v1.ResourceList{
			v1.ResourceCPU:              resource.MustParse("32"),
			v1.ResourceMemory:           resource.MustParse("256Gi"),
			v1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		},
	}
}

// Volumes are of pods whose containers read nothing.
type Volumes struct{}

// Setup says that each volume is there.
func (Volumes) Setup(_ context.Context, pod *v1.Pod, _ []string) (volume.Result, error) {
	result := volume.Result{Volumes: map[string]volume.Mounted{}}
	for _, v := range pod.Spec.Volumes {
		result.Volumes[v.Name] = volume.Mounted{Path: "/" + v.Name}
	}
	return result, nil
}

// Subpath is a path below the volume's.
func (Volumes) Subpath(v volume.Mounted, _, _ string, _ int, sub string) (string, error) {
	return v.Path + "/" + sub, nil
}

// Unmount has nothing to do.
func (Volumes) Unmount() error { return nil }

// Teardown has nothing to do.
func (Volumes) Teardown() error { return nil }

// id makes up an identifier; r.mu is held.
func (r *Runtime) id() string {
	r.next++
	return fmt.Sprintf("%016x%048x", r.subnet, r.next)
}

func notFound(what, id string) error {
	return status.Errorf(codes.NotFound, "an error occurred when try to find %s %q: not found", what, id)
}

// Exit ends a running container as if its process had, and tells the watchers.
func (r *Runtime) Exit(id string, code int32) error {
	r.mu.Lock()
	c := r.containers[id]
	if c == nil || c.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		r.mu.Unlock()
		return notFound("running container", id)
	}
	tell := r.exit(c, code)
	r.mu.Unlock()
	tell()
	return nil
}

// exit ends a container; r.mu is held. The result tells the watchers, to be
// called without the lock.
func (r *Runtime) exit(c *container, code int32) func() {
	c.State, c.ExitCode, c.FinishedAt = runtimeapi.ContainerState_CONTAINER_EXITED, code, time.Now().UnixNano()
	c.Reason = "Completed"
	if code != 0 {
		c.Reason = "Error"
	}
	return r.teller(c.Id)
}

func (r *Runtime) teller(id string) func() {
	var handlers []func(cri.Exit)
	for _, h := range r.watchers {
		handlers = append(handlers, h)
	}
	return func() {
		for _, h := range handlers {
			h(cri.Exit{ID: id})
		}
	}
}

// Watch implements cri.Runtime.
func (r *Runtime) Watch(ctx context.Context, subscribed func(), handle func(cri.Exit)) error {
	r.mu.Lock()
	r.next++
	key := r.next
	r.watchers[key] = handle
	r.mu.Unlock()
	subscribed()
	<-ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, key)
	return ctx.Err()
}

// Version implements cri.Runtime.
func (r *Runtime) Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: "fake", RuntimeVersion: "0", RuntimeApiVersion: "v1"}, nil
}

// Status implements cri.Runtime: all is ready.
func (r *Runtime) Status(context.Context, *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	return &runtimeapi.StatusResponse{Status: &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
		{Type: runtimeapi.RuntimeReady, Status: true}, {Type: runtimeapi.NetworkReady, Status: true},
	}}}, nil
}

// RuntimeConfig implements cri.Runtime: there are no cgroups.
func (r *Runtime) RuntimeConfig(context.Context, *runtimeapi.RuntimeConfigRequest) (*runtimeapi.RuntimeConfigResponse, error) {
	return &runtimeapi.RuntimeConfigResponse{}, nil
}
