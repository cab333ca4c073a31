package allocate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

type cluster struct {
	*Services
	*testing.T
}

func newCluster(t *testing.T, ranges ...string) *cluster {
	t.Helper()
	var prefixes []netip.Prefix
	for _, r := range ranges {
		prefixes = append(prefixes, netip.MustParsePrefix(r))
	}
	services, err := New(storetest.New(t, NodePort), prefixes, 30000, 30009)
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{services, t}
}

func service(name string, change func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{}
	s.Namespace, s.Name = "ns", name
	s.Spec.Type = corev1.ServiceTypeClusterIP
	s.Spec.Selector = map[string]string{"app": "x"}
	s.Spec.Ports = []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}}
	if change != nil {
		change(&s.Spec)
	}
	if s.Spec.ClusterIP != "" {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	return s
}

// create stores a service as the server does.
func (c *cluster) create(s *corev1.Service) (*corev1.Service, error) {
	for {
		next := s.DeepCopy()
		ops, err := c.Create(c.Context(), next, false)
		if err != nil {
			return nil, err
		}
		record, err := c.store.Collection(core.Service).Create(c.Context(), next, ops...)
		if errors.As(err, new(*storage.OpError)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		obj, err := record.Object()
		return obj.(*corev1.Service), err
	}
}

func (c *cluster) mustCreate(s *corev1.Service) *corev1.Service {
	c.Helper()
	out, err := c.create(s)
	if err != nil {
		c.Fatal(err)
	}
	return out
}

// update writes a change as the server does; fail makes the write itself fail.
func (c *cluster) update(name string, fail error, change func(*corev1.Service)) (*corev1.Service, error) {
	var done func(bool)
	record, err := c.store.Collection(core.Service).Modify(c.Context(), "ns", name, func(current api.Object) (api.Object, error) {
		next := current.DeepCopyObject().(*corev1.Service)
		change(next)
		var err error
		if done, err = c.Update(c.Context(), next, current, false); err != nil {
			return nil, err
		}
		if fail != nil {
			return nil, fail
		}
		return next, nil
	})
	if done != nil {
		done(err == nil)
	}
	if err != nil {
		return nil, err
	}
	obj, err := record.Object()
	return obj.(*corev1.Service), err
}

func (c *cluster) isFree(coll *storage.Collection, name string) bool {
	c.Helper()
	ok, err := free(c.Context(), coll, name, storage.Consistent)
	if err != nil {
		c.Fatal(err)
	}
	return ok
}

func TestFamilies(t *testing.T) {
	single, dual := newCluster(t, "10.96.0.0/24"), newCluster(t, "10.96.0.0/24", "fd00::/112")
	policy := func(p corev1.IPFamilyPolicy) func(*corev1.ServiceSpec) {
		return func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = ptr.To(p) }
	}
	for i, test := range []struct {
		cluster *cluster
		change  func(*corev1.ServiceSpec)
		want    string // policy, families, number of addresses; or the error
	}{
		{single, nil, "SingleStack [IPv4] 1"},
		{single, policy(corev1.IPFamilyPolicyPreferDualStack), "PreferDualStack [IPv4] 1"},
		{single, policy(corev1.IPFamilyPolicyRequireDualStack), `Service "s3" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`},
		{single, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6"} }, `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`},
		{single, func(s *corev1.ServiceSpec) { s.ClusterIP = "None" }, "SingleStack [IPv4] 1"},
		{single, func(s *corev1.ServiceSpec) { s.ClusterIP, s.Selector = "None", nil }, "RequireDualStack [IPv4 IPv6] 1"},
		{single, func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeExternalName }, "<nil> [] 0"},
		{single, func(s *corev1.ServiceSpec) { s.ClusterIP = "1.2.3.4" }, `spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the provided network does not match the current range`},
		{dual, nil, "SingleStack [IPv4] 1"},
		{dual, policy(corev1.IPFamilyPolicyPreferDualStack), "PreferDualStack [IPv4 IPv6] 2"},
		{dual, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6"} }, "SingleStack [IPv6] 1"},
		{dual, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6", "IPv4"} }, `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`},
		{dual, func(s *corev1.ServiceSpec) {
			s.IPFamilies, s.IPFamilyPolicy = []corev1.IPFamily{"IPv6", "IPv4"}, ptr.To(corev1.IPFamilyPolicyRequireDualStack)
		}, "RequireDualStack [IPv6 IPv4] 2"},
		{dual, func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00::5" }, "SingleStack [IPv6] 1"},
	} {
		s, err := test.cluster.create(service(fmt.Sprint("s", i+1), test.change))
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d: %v\nwant %s", i+1, err, test.want)
			}
			continue
		}
		got := fmt.Sprint(ptr.Deref(s.Spec.IPFamilyPolicy, "<nil>"), " ", s.Spec.IPFamilies, " ", len(s.Spec.ClusterIPs))
		if got != test.want {
			t.Errorf("%d: got %s (%v), want %s", i+1, got, s.Spec.ClusterIPs, test.want)
		}
		if len(s.Spec.ClusterIPs) > 0 && s.Spec.ClusterIP != s.Spec.ClusterIPs[0] {
			t.Errorf("%d: clusterIP %q of %v", i+1, s.Spec.ClusterIP, s.Spec.ClusterIPs)
		}
	}
}

func TestAddressesAreTakenAndGivenBack(t *testing.T) {
	c := newCluster(t, "10.96.0.0/24")
	at := func(name, ip string) *corev1.Service {
		return service(name, func(s *corev1.ServiceSpec) { s.ClusterIP = ip })
	}
	first := c.mustCreate(at("first", "10.96.0.10"))
	_, err := c.create(at("second", "10.96.0.10"))
	want := `Service "second" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for _, edge := range []string{"10.96.0.0", "10.96.0.255", "10.96.1.1"} {
		if _, err := c.create(at("edge", edge)); err == nil {
			t.Errorf("%s was given away", edge)
		}
	}
	c.Deleted(t.Context(), first)
	if _, err := c.create(at("third", "10.96.0.10")); err != nil {
		t.Errorf("after the delete: %v", err)
	}
	// The old Service's end must not take the address from its new holder.
	c.Deleted(t.Context(), first)
	if c.isFree(c.addresses(), "10.96.0.10") {
		t.Error("the address was taken from another service")
	}
}

func TestChosenAddressesDiffer(t *testing.T) {
	c := newCluster(t, "10.96.0.0/26")
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[string]bool{}
	for worker := range 4 {
		all.Go(func() {
			for i := range 15 {
				s, err := c.create(service(fmt.Sprintf("s%d-%d", worker, i), nil))
				mu.Lock()
				switch {
				case err != nil:
					t.Error(err)
				case seen[s.Spec.ClusterIP]:
					t.Errorf("%s was given twice", s.Spec.ClusterIP)
				default:
					seen[s.Spec.ClusterIP] = true
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	c.mustCreate(service("s61", nil))
	c.mustCreate(service("s62", nil))
	if _, err := c.create(service("s63", nil)); err == nil || !strings.Contains(err.Error(), "range is full") {
		t.Errorf("the 63rd of 62 addresses: %v", err)
	}
}

func TestNodePorts(t *testing.T) {
	c := newCluster(t, "10.96.0.0/24")
	s := c.mustCreate(service("np", func(s *corev1.ServiceSpec) {
		s.Type = corev1.ServiceTypeNodePort
		s.Ports = []corev1.ServicePort{
			{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}, {Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP},
			{Name: "web", Port: 80, Protocol: corev1.ProtocolTCP, NodePort: 30005},
		}
	}))
	p := s.Spec.Ports
	if p[0].NodePort == 0 || p[0].NodePort != p[1].NodePort || p[2].NodePort != 30005 || p[0].NodePort == 30005 {
		t.Errorf("node ports %v", p)
	}
	unused := int32(30008)
	if p[0].NodePort == unused {
		unused--
	}
	_, err := c.create(service("twice", func(s *corev1.ServiceSpec) {
		s.Type = corev1.ServiceTypeNodePort
		s.Ports = []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP, NodePort: unused}, {Port: 54, Protocol: corev1.ProtocolTCP, NodePort: unused}}
	}))
	if want := fmt.Sprintf("spec.ports[1].nodePort: Invalid value: %d: provided port is already allocated", unused); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for port, want := range map[int32]string{
		30005: `spec.ports[0].nodePort: Invalid value: 30005: provided port is already allocated`,
		80:    `spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30009`,
	} {
		_, err := c.create(service("other", func(s *corev1.ServiceSpec) {
			s.Type = corev1.ServiceTypeNodePort
			s.Ports[0].NodePort = port
		}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	lb := c.mustCreate(service("lb", func(s *corev1.ServiceSpec) {
		s.Type = corev1.ServiceTypeLoadBalancer
		s.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	}))
	if lb.Spec.HealthCheckNodePort == 0 || lb.Spec.HealthCheckNodePort == lb.Spec.Ports[0].NodePort {
		t.Errorf("load balancer: %+v", lb.Spec)
	}
	none := c.mustCreate(service("none", func(s *corev1.ServiceSpec) {
		s.Type = corev1.ServiceTypeLoadBalancer
		s.AllocateLoadBalancerNodePorts = ptr.To(false)
	}))
	if none.Spec.Ports[0].NodePort != 0 {
		t.Errorf("a node port that was not wanted: %v", none.Spec.Ports)
	}
}

func TestUpdate(t *testing.T) {
	c := newCluster(t, "10.96.0.0/24")
	c.mustCreate(service("s", nil))
	exposed, err := c.update("s", nil, func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeNodePort })
	if err != nil {
		t.Fatal(err)
	}
	port, ip := portName(exposed.Spec.Ports[0].NodePort), exposed.Spec.ClusterIP
	if c.isFree(c.nodePorts(), port) || c.isFree(c.addresses(), ip) {
		t.Error("what an update gave is not held")
	}
	if again, err := c.update("s", nil, func(s *corev1.Service) { s.Labels = map[string]string{"a": "b"} }); err != nil || portName(again.Spec.Ports[0].NodePort) != port {
		t.Errorf("another update changed the port: %v, %v", again, err)
	}
	if _, err := c.update("s", nil, func(s *corev1.Service) {
		s.Spec.Type, s.Spec.Ports[0].NodePort = corev1.ServiceTypeClusterIP, 0
	}); err != nil {
		t.Fatal(err)
	}
	if !c.isFree(c.nodePorts(), port) || c.isFree(c.addresses(), ip) {
		t.Error("the port is still held, or the address is not")
	}
	if _, err := c.update("s", errors.New("no"), func(s *corev1.Service) {
		s.Spec.Type, s.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30007
	}); err == nil {
		t.Fatal("the write did not fail")
	}
	if !c.isFree(c.nodePorts(), "30007") {
		t.Error("an update that failed holds its port")
	}
	if _, err := c.update("s", nil, func(s *corev1.Service) {
		s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, "example.com"
	}); err != nil {
		t.Fatal(err)
	}
	if !c.isFree(c.addresses(), ip) {
		t.Error("a service without address still holds one")
	}
}

func TestRepair(t *testing.T) {
	c := newCluster(t, "10.96.0.0/24")
	kept := c.mustCreate(service("kept", func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeNodePort }))
	// A service from elsewhere, without holding objects; and a holding object
	// of long ago without service.
	stray := service("stray", func(s *corev1.ServiceSpec) {
		s.Type, s.ClusterIP, s.ClusterIPs = corev1.ServiceTypeNodePort, "10.96.0.9", []string{"10.96.0.9"}
		s.Ports[0].NodePort = 30009
	})
	storetest.Put(t, c.store, core.Service, stray)
	orphan := newIPAddress(netip.MustParseAddr("10.96.0.77"), service("gone", nil))
	orphan.CreationTimestamp.Time = orphan.CreationTimestamp.Add(-2 * young)
	if _, err := c.addresses().Create(context.Background(), orphan); err != nil {
		t.Fatal(err)
	}
	if err := c.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.isFree(c.addresses(), kept.Spec.ClusterIP) || c.isFree(c.addresses(), "10.96.0.9") || c.isFree(c.nodePorts(), "30009") {
		t.Error("something that a service holds is free")
	}
	if !c.isFree(c.addresses(), "10.96.0.77") {
		t.Error("what nobody holds is not free")
	}
}

// TestSecondFamily lets a service gain a second address, and lose it only by its policy.
func TestSecondFamily(t *testing.T) {
	c := newCluster(t, "10.96.0.0/24", "fd00::/112")
	first := c.mustCreate(service("s", nil))
	both, err := c.update("s", nil, func(s *corev1.Service) { s.Spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyPreferDualStack) })
	if err != nil {
		t.Fatal(err)
	}
	if ips := both.Spec.ClusterIPs; len(ips) != 2 || ips[0] != first.Spec.ClusterIP || c.isFree(c.addresses(), ips[1]) {
		t.Errorf("addresses %v after %v", ips, first.Spec.ClusterIPs)
	}
	_, err = c.update("s", nil, func(s *corev1.Service) { s.Spec.IPFamilies = s.Spec.IPFamilies[:1] })
	if want := `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be 'SingleStack' to release the secondary IP family`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	one, err := c.update("s", nil, func(s *corev1.Service) { s.Spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack) })
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Spec.ClusterIPs) != 1 || len(one.Spec.IPFamilies) != 1 || !c.isFree(c.addresses(), both.Spec.ClusterIPs[1]) {
		t.Errorf("one family: %+v", one.Spec)
	}
}

func TestUpdateThatCreates(t *testing.T) {
	c := newCluster(t, "10.96.0.0/24")
	for _, written := range []bool{true, false} {
		s := service("s", nil)
		done, err := c.Update(c.Context(), s, &corev1.Service{}, false)
		if err != nil {
			t.Fatal(err)
		}
		done(written)
		if !hasClusterIP(s) || c.isFree(c.addresses(), s.Spec.ClusterIP) == written {
			t.Errorf("written %v: address %q", written, s.Spec.ClusterIP)
		}
	}
}
