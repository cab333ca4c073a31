package allocate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/storage"
)

// alreadyAllocatedPort is what a client learns that asks for a port in use.
const alreadyAllocatedPort = "provided port is already allocated"

var portsPath = field.NewPath("spec", "ports")

// A NodePort object names the Service that holds the port in these annotations.
const (
	namespaceAnnotation = "slowmo.dev/service-namespace"
	nameAnnotation      = "slowmo.dev/service-name"
)

// portRange is the node ports of the cluster, both ends included.
type portRange struct{ first, last int }

func (r portRange) contains(port int32) bool {
	return int(port) >= r.first && int(port) <= r.last
}

// choose returns a free port that is not among those that the request has
// chosen already.
func (r portRange) choose(ctx context.Context, c *storage.Collection, chosen map[int32]bool) (int32, error) {
	size := uint64(r.last - r.first + 1)
	for offset := range candidates(size, reserved(size, 32, 128)) {
		port := int32(r.first) + int32(offset)
		if chosen[port] {
			continue
		}
		ok, err := free(ctx, c, portName(port), storage.Any)
		if ok || err != nil {
			return port, err
		}
	}
	return 0, fmt.Errorf("range is full")
}

// choosePorts gives each port of the Service a node port, if its type has
// them, and checks those that the client asked for.
func (s *Services) choosePorts(ctx context.Context, service, before *corev1.Service) field.ErrorList {
	if !hasNodePorts(service) {
		return nil
	}
	p := &portChoice{services: s, chosen: map[int32]bool{}, byPort: map[int32]int32{}}
	if before != nil {
		p.mine = held(before).ports
	}
	for i := range service.Spec.Ports {
		if port := &service.Spec.Ports[i]; port.NodePort != 0 {
			if problem := p.check(ctx, portsPath.Index(i).Child("nodePort"), port.NodePort); problem != nil {
				return field.ErrorList{problem}
			}
			p.byPort[port.Port] = port.NodePort
		}
	}
	if service.Spec.Type == corev1.ServiceTypeNodePort || ptr.Deref(service.Spec.AllocateLoadBalancerNodePorts, true) {
		for i := range service.Spec.Ports {
			if err := p.fill(ctx, &service.Spec.Ports[i]); err != nil {
				path := portsPath.Index(i).Child("nodePort")
				return field.ErrorList{field.Invalid(path, service.Spec.Ports[i].NodePort, fmt.Sprintf("failed to allocate a nodePort: %v", err))}
			}
		}
	}
	return p.healthCheck(ctx, service)
}

// portChoice is the choice for one Service.
type portChoice struct {
	services *Services
	mine     map[int32]bool  // what the Service holds already
	chosen   map[int32]bool  // what it gets
	byPort   map[int32]int32 // node port of a port: the same for TCP and UDP
}

// check accepts a node port that the client asked for.
func (p *portChoice) check(ctx context.Context, path *field.Path, port int32) *field.Error {
	if p.mine[port] || p.chosen[port] {
		p.chosen[port] = true
		return nil
	}
	r := p.services.ports
	if !r.contains(port) {
		return field.Invalid(path, port, fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", r.first, r.last))
	}
	ok, err := free(ctx, p.services.nodePorts(), portName(port), storage.Consistent)
	switch {
	case err != nil:
		return field.InternalError(path, err)
	case !ok:
		return field.Invalid(path, port, alreadyAllocatedPort)
	}
	p.chosen[port] = true
	return nil
}

// fill chooses a node port for a port that has none.
func (p *portChoice) fill(ctx context.Context, port *corev1.ServicePort) error {
	if port.NodePort != 0 {
		return nil
	}
	if same := p.byPort[port.Port]; same != 0 {
		port.NodePort = same
		return nil
	}
	free, err := p.services.ports.choose(ctx, p.services.nodePorts(), p.chosen)
	if err != nil {
		return err
	}
	port.NodePort = free
	p.chosen[free], p.byPort[port.Port] = true, free
	return nil
}

// healthCheck gives a load balancer that must know which nodes have endpoints
// the port where it can ask.
func (p *portChoice) healthCheck(ctx context.Context, service *corev1.Service) field.ErrorList {
	local := service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	path := field.NewPath("spec", "healthCheckNodePort")
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer || !local {
		return nil
	}
	if asked := service.Spec.HealthCheckNodePort; asked != 0 {
		if problem := p.check(ctx, path, asked); problem != nil {
			return field.ErrorList{problem}
		}
		return nil
	}
	port, err := p.services.ports.choose(ctx, p.services.nodePorts(), p.chosen)
	if err != nil {
		return field.ErrorList{field.Invalid(path, 0, fmt.Sprintf("failed to allocate a nodePort: %v", err))}
	}
	service.Spec.HealthCheckNodePort = port
	return nil
}

// newNodePort is the object that holds a port for the Service.
func newNodePort(port int32, service *corev1.Service) *corev1.RangeAllocation {
	a := &corev1.RangeAllocation{ObjectMeta: newMeta(portName(port))}
	a.Annotations = map[string]string{namespaceAnnotation: service.Namespace, nameAnnotation: service.Name}
	return a
}
