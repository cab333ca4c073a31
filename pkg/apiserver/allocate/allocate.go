// Package allocate gives Services their cluster IPs and node ports.
//
// There is no table of what is free in memory. Every address that a Service holds has an
// IPAddress object, every node port a small object of the resource NodePort,
// and both are created in the Service's own transaction: two servers, or two
// requests, that choose the same one cannot both commit. What is free is what
// has no such object in the cache, so a restart has nothing to rebuild.
//
//	create:  choose -> transaction(Service, IPAddress..., NodePort...)
//	update:  choose -> create what is new -> write the Service -> delete what is no longer used
//	delete:  delete the Service -> delete what it held
//
// What a crash between two steps of the last two leaves over, and what comes
// from a store that kube-apiserver has filled, Repair puts right at the next start.
//
// Addresses are chosen at random from the upper part of their range and from
// the lower only when that is full, so that addresses that people choose by
// hand, which tend to be low, are rarely taken
// (https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/).
package allocate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/networking"
	"slowmo/pkg/storage"
)

// NodePort is the resource of the objects that hold node ports. It is stored
// and never served: it belongs on the list that the store is opened with.
var NodePort = &api.Resource{
	Version:     "v1",
	Kind:        "RangeAllocation",
	Plural:      "rangeallocations",
	Singular:    "rangeallocation",
	StoragePath: "slowmo/nodeports",
	New:         func() api.Object { return &corev1.RangeAllocation{} },
}

// Services completes Services and keeps what they hold. It is safe for
// concurrent use, also beside others of its kind on other servers.
type Services struct {
	store  *storage.Store
	ranges []addressRange // one a family, the cluster's default first
	ports  portRange
}

// New returns an allocator for the cluster's service ranges
// (--service-cluster-ip-range), one or one of each family, and its node ports
// (--service-node-port-range), first to last.
func New(store *storage.Store, ranges []netip.Prefix, first, last int) (*Services, error) {
	if len(ranges) == 0 || len(ranges) > 2 || len(ranges) == 2 && ranges[0].Addr().Is4() == ranges[1].Addr().Is4() {
		return nil, errors.New("--service-cluster-ip-range: want one range, or two of different families, such as 10.96.0.0/16,fd00:10:96::/112")
	}
	s := &Services{store: store, ports: portRange{first, last}}
	for _, prefix := range ranges {
		r, err := newAddressRange(prefix)
		if err != nil {
			return nil, fmt.Errorf("--service-cluster-ip-range: %w", err)
		}
		s.ranges = append(s.ranges, r)
	}
	if first < 1 || last > 65535 || first > last {
		return nil, fmt.Errorf("--service-node-port-range: want ports from 1 to 65535, such as 30000-32767, not %d-%d", first, last)
	}
	return s, nil
}

// First returns the address of the Service default/kubernetes.
func (s *Services) First() netip.Addr { return s.ranges[0].at(1) }

// holding is what a Service holds.
type holding struct {
	addresses map[netip.Addr]bool
	ports     map[int32]bool
}

func held(service *corev1.Service) holding {
	h := holding{addresses: map[netip.Addr]bool{}, ports: map[int32]bool{}}
	if hasClusterIP(service) {
		for _, text := range service.Spec.ClusterIPs {
			if ip, err := netip.ParseAddr(text); err == nil {
				h.addresses[ip.Unmap()] = true
			}
		}
	}
	if !hasNodePorts(service) {
		return h
	}
	for _, port := range service.Spec.Ports {
		if port.NodePort != 0 {
			h.ports[port.NodePort] = true
		}
	}
	if service.Spec.HealthCheckNodePort != 0 {
		h.ports[service.Spec.HealthCheckNodePort] = true
	}
	return h
}

// minus returns what h has and other has not.
func (h holding) minus(other holding) holding {
	rest := holding{addresses: map[netip.Addr]bool{}, ports: map[int32]bool{}}
	for ip := range h.addresses {
		if !other.addresses[ip] {
			rest.addresses[ip] = true
		}
	}
	for port := range h.ports {
		if !other.ports[port] {
			rest.ports[port] = true
		}
	}
	return rest
}

// Create completes a new Service and returns the objects that hold what it got.
func (s *Services) Create(ctx context.Context, obj api.Object, dryRun bool) ([]storage.Op, error) {
	service := obj.(*corev1.Service)
	if err := s.complete(ctx, service, nil); err != nil {
		return nil, err
	}
	if dryRun {
		return nil, nil
	}
	var ops []storage.Op
	h := held(service)
	for ip := range h.addresses {
		ops = append(ops, storage.Op{Collection: s.addresses(), Create: newIPAddress(ip, service)})
	}
	for port := range h.ports {
		ops = append(ops, storage.Op{Collection: s.nodePorts(), Create: newNodePort(port, service)})
	}
	return ops, nil
}

// Update completes a changed Service. What it holds more than before is taken
// at once and given back by done if it was not written; what it holds less is
// given back by done if it was.
func (s *Services) Update(ctx context.Context, obj, old api.Object, dryRun bool) (func(written bool), error) {
	service, before := obj.(*corev1.Service), old.(*corev1.Service)
	present := before
	if before.Name == "" { // the update creates it
		present = nil
	}
	if err := s.complete(ctx, service, present); err != nil {
		return nil, err
	}
	if dryRun {
		return nil, nil
	}
	now, then := held(service), held(before)
	more, less := now.minus(then), then.minus(now)
	if err := s.take(ctx, service, more); err != nil {
		return nil, err
	}
	return func(written bool) {
		if written {
			s.release(ctx, service, less)
		} else {
			s.release(ctx, service, more)
		}
	}, nil
}

// Deleted gives back what a Service that is gone held.
func (s *Services) Deleted(ctx context.Context, obj api.Object) {
	service := obj.(*corev1.Service)
	s.release(ctx, service, held(service))
}

// complete makes the choices that the client left open. before is nil for a
// new Service. What makes no sense otherwise is left to validation, which comes next.
func (s *Services) complete(ctx context.Context, service, before *corev1.Service) error {
	if problems := s.families(service, before); len(problems) > 0 {
		return invalid(service, problems...)
	}
	if err := s.chooseAddresses(ctx, service, before); err != nil {
		return err
	}
	return s.choosePorts(ctx, service, before)
}

func invalid(service *corev1.Service, problems ...*field.Error) error {
	return apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, service.Name, problems)
}

// take creates the holding objects of an update, all or none.
func (s *Services) take(ctx context.Context, service *corev1.Service, h holding) error {
	taken := holding{addresses: map[netip.Addr]bool{}, ports: map[int32]bool{}}
	fail := func(path *field.Path, value any, what string, err error) error {
		s.release(ctx, service, taken)
		if errors.Is(err, storage.ErrExists) {
			return invalid(service, field.Invalid(path, value, what))
		}
		return err
	}
	for ip := range h.addresses {
		if _, err := s.addresses().Create(ctx, newIPAddress(ip, service)); err != nil {
			return fail(clusterIPsPath, service.Spec.ClusterIPs, fmt.Sprintf("failed to allocate IP %s: %s", ip, alreadyAllocatedIP), err)
		}
		taken.addresses[ip] = true
	}
	for port := range h.ports {
		if _, err := s.nodePorts().Create(ctx, newNodePort(port, service)); err != nil {
			return fail(portsPath, port, alreadyAllocatedPort, err)
		}
		taken.ports[port] = true
	}
	return nil
}

// release deletes the holding objects as far as they are this Service's. It
// goes on when the request that asked for it is over. What cannot be
// deleted now is left to Repair.
func (s *Services) release(ctx context.Context, service *corev1.Service, h holding) {
	ctx = context.WithoutCancel(ctx)
	owner := ownerOf(service)
	drop := func(c *storage.Collection, name string) {
		if _, err := c.Modify(ctx, "", name, unless(owner)); err != nil && !errors.Is(err, storage.ErrNotFound) {
			slog.Warn("a service's address or port is not given back before the next start", "service", owner, "what", name, "error", err)
		}
	}
	for ip := range h.addresses {
		drop(s.addresses(), ip.String())
	}
	for port := range h.ports {
		drop(s.nodePorts(), portName(port))
	}
}

// unless deletes an object provided that owner holds it.
func unless(owner types.NamespacedName) func(api.Object) (api.Object, error) {
	return func(current api.Object) (api.Object, error) {
		if current != nil && holder(current) != owner {
			return current, nil
		}
		return nil, nil
	}
}

func (s *Services) addresses() *storage.Collection { return s.store.Collection(networking.IPAddress) }
func (s *Services) nodePorts() *storage.Collection { return s.store.Collection(NodePort) }

// free says whether nothing holds the name in c.
func free(ctx context.Context, c *storage.Collection, name string, revision int64) (bool, error) {
	_, err := c.Get(ctx, "", name, revision)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	return false, err
}

func ownerOf(service *corev1.Service) types.NamespacedName {
	return types.NamespacedName{Namespace: service.Namespace, Name: service.Name}
}

func portName(port int32) string { return strconv.Itoa(int(port)) }

func hasClusterIP(service *corev1.Service) bool {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return false
	}
	return service.Spec.ClusterIP != corev1.ClusterIPNone && (len(service.Spec.ClusterIPs) == 0 || service.Spec.ClusterIPs[0] != corev1.ClusterIPNone)
}

func hasNodePorts(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeNodePort || service.Spec.Type == corev1.ServiceTypeLoadBalancer
}

// newMeta is the metadata of an object that the server makes for itself.
func newMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, UID: newUID(), CreationTimestamp: metav1.Now()}
}
