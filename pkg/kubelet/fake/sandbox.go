package fake

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// RunPodSandbox implements cri.Runtime.
func (r *Runtime) RunPodSandbox(ctx context.Context, req *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := req.Config
	s := &runtimeapi.PodSandboxStatus{
		Id: r.id(), Metadata: c.GetMetadata(), State: runtimeapi.PodSandboxState_SANDBOX_READY,
		CreatedAt: time.Now().UnixNano(), Labels: c.GetLabels(), Annotations: c.GetAnnotations(),
		Network: &runtimeapi.PodSandboxNetworkStatus{},
		Linux:   &runtimeapi.LinuxPodSandboxStatus{Namespaces: &runtimeapi.Namespace{Options: c.GetLinux().GetSecurityContext().GetNamespaceOptions()}},
	}
	if c.GetLinux().GetSecurityContext().GetNamespaceOptions().GetNetwork() != runtimeapi.NamespaceMode_NODE {
		s.Network.Ip = r.address()
	}
	r.sandboxes[s.Id] = s
	return &runtimeapi.RunPodSandboxResponse{PodSandboxId: s.Id}, nil
}

// address is a fresh one in 10.0.0.0/8, of which each runtime has 256; they are
// given out again after that.
func (r *Runtime) address() string {
	r.addresses++
	return fmt.Sprintf("10.%d.%d.%d", r.subnet>>8&0xff, r.subnet&0xff, r.addresses&0xff)
}

// StopPodSandbox implements cri.Runtime.
func (r *Runtime) StopPodSandbox(_ context.Context, req *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	r.mu.Lock()
	var tell []func()
	if s := r.sandboxes[req.PodSandboxId]; s != nil && s.State == runtimeapi.PodSandboxState_SANDBOX_READY {
		for _, c := range r.containers {
			if c.sandbox == s.Id && c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
				tell = append(tell, r.exit(c, killed))
			}
		}
		s.State, s.Network = runtimeapi.PodSandboxState_SANDBOX_NOTREADY, &runtimeapi.PodSandboxNetworkStatus{}
		tell = append(tell, r.teller(s.Id))
	}
	r.mu.Unlock()
	for _, t := range tell {
		t()
	}
	return &runtimeapi.StopPodSandboxResponse{}, nil
}

// RemovePodSandbox implements cri.Runtime.
func (r *Runtime) RemovePodSandbox(ctx context.Context, req *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	if _, err := r.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: req.PodSandboxId}); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.containers {
		if c.sandbox == req.PodSandboxId {
			delete(r.containers, id)
		}
	}
	delete(r.sandboxes, req.PodSandboxId)
	return &runtimeapi.RemovePodSandboxResponse{}, nil
}

// PodSandboxStatus implements cri.Runtime.
func (r *Runtime) PodSandboxStatus(_ context.Context, req *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sandboxes[req.PodSandboxId]
	if s == nil {
		return nil, notFound("sandbox", req.PodSandboxId)
	}
	return &runtimeapi.PodSandboxStatusResponse{Status: clone(s)}, nil
}

// ListPodSandbox implements cri.Runtime. It knows the filters by id, state and labels.
func (r *Runtime) ListPodSandbox(_ context.Context, req *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, answer := req.GetFilter(), &runtimeapi.ListPodSandboxResponse{}
	for _, s := range r.sandboxes {
		if f.GetId() != "" && f.Id != s.Id || f.GetState() != nil && f.State.State != s.State || !selects(f.GetLabelSelector(), s.Labels) {
			continue
		}
		answer.Items = append(answer.Items, &runtimeapi.PodSandbox{
			Id: s.Id, Metadata: s.Metadata, State: s.State, CreatedAt: s.CreatedAt, Labels: s.Labels, Annotations: s.Annotations,
		})
	}
	return answer, nil
}

func selects(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// clone copies a message, so that callers see no later change.
func clone[M proto.Message](m M) M { return proto.Clone(m).(M) } //nolint:forcetypeassert // Clone keeps the type

// errStream is for what needs a process.
func errStream(what string) error {
	return status.Errorf(codes.Unimplemented, "a fake container cannot %s: it has no process", what)
}

// Exec implements cri.Runtime.
func (r *Runtime) Exec(context.Context, *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	return nil, errStream("exec")
}

// Attach implements cri.Runtime.
func (r *Runtime) Attach(context.Context, *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	return nil, errStream("be attached to")
}

// PortForward implements cri.Runtime.
func (r *Runtime) PortForward(context.Context, *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	return nil, errStream("forward ports")
}
