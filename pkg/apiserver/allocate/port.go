package allocate

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	return 0, errFull
}

// choosePorts gives each port of the Service a node port, if its type has
// them, and checks those that the client asked for.
func (s *Services) choosePorts(ctx context.Context, service, before *corev1.Service) error {
	if !hasNodePorts(service) {
		return nil
	}
	p := &portChoice{services: s, service: service, chosen: map[int32]bool{},
		fills: service.Spec.Type == corev1.ServiceTypeNodePort || ptr.Deref(service.Spec.AllocateLoadBalancerNodePorts, true)}
	if before == nil {
		if err := p.forNew(ctx); err != nil {
			return err
		}
		return p.healthCheck(ctx)
	}
	p.mine = held(before).ports
	if err := p.forChanged(ctx); err != nil || hasHealthCheck(before) {
		return err
	}
	return p.healthCheck(ctx)
}

// portChoice is the choice for one Service.
type portChoice struct {
	services *Services
	service  *corev1.Service
	fills    bool           // ports that name no node port get one
	mine     map[int32]bool // what the Service holds already
	chosen   map[int32]bool // what it gets
}

// forNew gives ports of the same number, of TCP and of UDP, the same node port.
func (p *portChoice) forNew(ctx context.Context) error {
	ports, of := p.service.Spec.Ports, map[int32]int32{}
	for i := range ports {
		port := &ports[i]
		if port.NodePort == 0 && !p.fills || port.NodePort != 0 && port.NodePort == of[port.Port] {
			continue
		}
		if of[port.Port] != 0 && port.NodePort == 0 {
			port.NodePort = of[port.Port]
			continue
		}
		if of[port.Port] == 0 {
			port.NodePort = requested(ports, port.Port)
		}
		if err := p.take(ctx, i); err != nil {
			return err
		}
		if of[port.Port] == 0 {
			of[port.Port] = port.NodePort
		}
	}
	return nil
}

// requested returns the node port that the client asks for a port, under whichever protocol.
func requested(ports []corev1.ServicePort, number int32) int32 {
	for _, p := range ports {
		if p.Port == number && p.NodePort != 0 {
			return p.NodePort
		}
	}
	return 0
}

// forChanged gives each port without a node port one of its own.
func (p *portChoice) forChanged(ctx context.Context) error {
	type key struct {
		protocol corev1.Protocol
		nodePort int32
	}
	seen := map[key]bool{}
	for i := range p.service.Spec.Ports {
		port := &p.service.Spec.Ports[i]
		if port.NodePort == 0 && !p.fills {
			continue
		}
		if n := port.NodePort; n == 0 || !p.mine[n] && !p.chosen[n] {
			if err := p.take(ctx, i); err != nil {
				return err
			}
		}
		k := key{port.Protocol, port.NodePort}
		if seen[k] {
			return fmt.Errorf("duplicate nodePort: %v", k)
		}
		seen[k] = true
	}
	return nil
}

// take accepts the node port that the client asked for the i-th port, or chooses one.
func (p *portChoice) take(ctx context.Context, i int) error {
	port := &p.service.Spec.Ports[i]
	if port.NodePort == 0 {
		free, err := p.services.ports.choose(ctx, p.services.nodePorts(), p.named())
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
		}
		port.NodePort, p.chosen[free] = free, true
		return nil
	}
	if err := p.check(ctx, port.NodePort); err != nil {
		return invalid(p.service, field.Invalid(portsPath.Index(i).Child("nodePort"), port.NodePort, err.Error()))
	}
	return nil
}

// named are the ports that the Service gets or asks for, none of which is to be
// drawn for another of its ports.
func (p *portChoice) named() map[int32]bool {
	all := maps.Clone(p.chosen)
	all[p.service.Spec.HealthCheckNodePort] = true
	for _, port := range p.service.Spec.Ports {
		all[port.NodePort] = true
	}
	return all
}

// check accepts a node port that the client asked for.
func (p *portChoice) check(ctx context.Context, port int32) error {
	r := p.services.ports
	if !r.contains(port) {
		return fmt.Errorf("provided port is not in the valid range. The range of valid ports is %d-%d", r.first, r.last)
	}
	ok, err := free(ctx, p.services.nodePorts(), portName(port), storage.Consistent)
	if err == nil && (!ok || p.chosen[port]) {
		err = errors.New(alreadyAllocatedPort)
	}
	p.chosen[port] = true
	return err
}

func hasHealthCheck(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// healthCheck gives a load balancer that must know which nodes have endpoints
// the port where it can ask.
func (p *portChoice) healthCheck(ctx context.Context) error {
	if !hasHealthCheck(p.service) {
		return nil
	}
	asked := &p.service.Spec.HealthCheckNodePort
	if *asked != 0 {
		if err := p.check(ctx, *asked); err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate requested HealthCheck NodePort %v: %w", *asked, err))
		}
		return nil
	}
	port, err := p.services.ports.choose(ctx, p.services.nodePorts(), p.named())
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("failed to allocate a HealthCheck NodePort 0: %w", err))
	}
	*asked = port
	return nil
}

// newNodePort is the object that holds a port for the Service.
func newNodePort(port int32, service *corev1.Service) *corev1.RangeAllocation {
	a := &corev1.RangeAllocation{ObjectMeta: newMeta(portName(port))}
	a.Annotations = map[string]string{namespaceAnnotation: service.Namespace, nameAnnotation: service.Name}
	return a
}
