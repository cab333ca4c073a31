package proxy

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// servicePort is one port of a Service in one family, with the endpoints that take its traffic.
type servicePort struct {
	name     string // "default/hello-node/tcp/http": unique, and part of chain names
	protocol string // "tcp", as nft writes it
	port     int32
	nodePort int32 // 0: none

	clusterIP string
	// external are the addresses beside the cluster IP: load balancer and external ones.
	external []string
	// sources, when there are any, are the only ones that may use the load balancer's addresses.
	sources   []string
	balancers []string // those of external that sources is about

	affinity      int32 // seconds for which a client keeps its endpoint; 0: none
	internalLocal bool  // internalTrafficPolicy: Local
	externalLocal bool  // externalTrafficPolicy: Local

	endpoints []endpoint // all that may be used, sorted
	local     []endpoint // those of them on this node
}

// endpoint is where a connection can go.
type endpoint struct {
	ip   string
	port int32
}

func (e endpoint) String() string { return e.ip + " . " + strconv.Itoa(int(e.port)) }

// addressed writes it as a destination: 10.0.0.1:80, [fd00::1]:80.
func (e endpoint) addressed() string {
	addr, err := netip.ParseAddr(e.ip)
	if err != nil {
		return e.ip
	}
	return netip.AddrPortFrom(addr, uint16(e.port)).String()
}

// proxied tells whether a Service has anything to do with us: headless ones and names for something
// outside have no address of their own.
func proxied(svc *v1.Service) bool {
	return svc.Spec.Type != v1.ServiceTypeExternalName && svc.Spec.ClusterIP != "" && svc.Spec.ClusterIP != v1.ClusterIPNone
}

// servicePorts reads what the settings allow of a Service in this family. refused lists external
// addresses that they do not.
func (s *settings) servicePorts(svc *v1.Service, slices []*discoveryv1.EndpointSlice) (ports []servicePort, refused []string) {
	clusterIP := s.pick(svc.Spec.ClusterIPs, svc.Spec.ClusterIP)
	if !proxied(svc) || clusterIP == "" {
		return nil, nil
	}
	balancers := s.balancers(svc)
	external, refused := s.externals(svc)
	for i := range svc.Spec.Ports {
		from := &svc.Spec.Ports[i]
		protocol := strings.ToLower(string(cmp.Or(from.Protocol, v1.ProtocolTCP)))
		p := servicePort{
			name:          strings.Join([]string{svc.Namespace, svc.Name, protocol, cmp.Or(from.Name, strconv.Itoa(int(from.Port)))}, "/"),
			protocol:      protocol,
			port:          from.Port,
			nodePort:      from.NodePort,
			clusterIP:     clusterIP,
			external:      append(append([]string{}, balancers...), external...),
			balancers:     balancers,
			sources:       s.sources(svc),
			internalLocal: svc.Spec.InternalTrafficPolicy != nil && *svc.Spec.InternalTrafficPolicy == v1.ServiceInternalTrafficPolicyLocal,
			externalLocal: svc.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal,
		}
		if svc.Spec.SessionAffinity == v1.ServiceAffinityClientIP {
			p.affinity = v1.DefaultClientIPServiceAffinitySeconds
			if c := svc.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
				p.affinity = *c.ClientIP.TimeoutSeconds
			}
		}
		p.endpoints, p.local = s.endpoints(from, slices)
		ports = append(ports, p)
	}
	return ports, refused
}

// pick returns the first of several addresses, or else the one, that is of our family.
func (s *settings) pick(several []string, one string) string {
	for _, ip := range append(slices.Clone(several), one) {
		if s.family.has(ip) {
			return ip
		}
	}
	return ""
}

// balancers returns the addresses that a load balancer has for the Service and that our node shall answer
// for.
func (s *settings) balancers(svc *v1.Service) []string {
	var list []string
	if svc.Spec.Type != v1.ServiceTypeLoadBalancer {
		return nil
	}
	for _, ingress := range svc.Status.LoadBalancer.Ingress {
		proxied := ingress.IPMode != nil && *ingress.IPMode == v1.LoadBalancerIPModeProxy
		if s.family.has(ingress.IP) && !proxied {
			list = append(list, ingress.IP)
		}
	}
	return list
}

// externals returns the Service's externalIPs as far as they are allowed: whoever may write a Service
// could otherwise take over any address (CVE-2020-8554).
func (s *settings) externals(svc *v1.Service) (allowed, refused []string) {
	for _, text := range svc.Spec.ExternalIPs {
		addr, err := netip.ParseAddr(text)
		if err != nil || !s.family.has(text) {
			continue
		}
		if slices.ContainsFunc(s.externalIPs, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			allowed = append(allowed, text)
		} else {
			refused = append(refused, text)
		}
	}
	return allowed, refused
}

func (s *settings) sources(svc *v1.Service) []string {
	var list []string
	for _, text := range svc.Spec.LoadBalancerSourceRanges {
		if p, err := netip.ParsePrefix(strings.TrimSpace(text)); err == nil && s.family.hasPrefix(p) {
			list = append(list, p.Masked().String())
		}
	}
	slices.Sort(list)
	return list
}

// endpoints returns where the port's traffic may go, and what of that is on this node. Where none
// is ready those that are about to end but still serve are better than nothing (KEP-1669).
func (s *settings) endpoints(port *v1.ServicePort, from []*discoveryv1.EndpointSlice) (all, local []endpoint) {
	type place struct {
		endpoint
		local bool
	}
	ready, ending := map[place]bool{}, map[place]bool{}
	for _, slice := range from {
		if slice.AddressType != s.family.slices {
			continue
		}
		number := portOf(slice, port)
		if number == 0 {
			continue
		}
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if len(e.Addresses) == 0 {
				continue
			}
			at := place{endpoint{e.Addresses[0], number}, e.NodeName != nil && *e.NodeName == s.node}
			switch c := e.Conditions; {
			case c.Ready == nil || *c.Ready:
				ready[at] = true
			case c.Serving != nil && *c.Serving && c.Terminating != nil && *c.Terminating:
				ending[at] = true
			}
		}
	}
	choose := func(keep func(place) bool) []endpoint {
		for _, set := range []map[place]bool{ready, ending} {
			var list []endpoint
			for at := range set {
				if keep(at) {
					list = append(list, at.endpoint)
				}
			}
			if len(list) > 0 {
				slices.SortFunc(list, func(a, b endpoint) int { return cmp.Or(cmp.Compare(a.ip, b.ip), cmp.Compare(a.port, b.port)) })
				return slices.Compact(list)
			}
		}
		return nil
	}
	return choose(func(place) bool { return true }), choose(func(at place) bool { return at.local })
}

// portOf returns the number that the slice gives to the Service's port, or 0.
func portOf(slice *discoveryv1.EndpointSlice, port *v1.ServicePort) int32 {
	for _, p := range slice.Ports {
		if p.Port != nil && (p.Name == nil && port.Name == "" || p.Name != nil && *p.Name == port.Name) &&
			(p.Protocol == nil || *p.Protocol == cmp.Or(port.Protocol, v1.ProtocolTCP)) {
			return *p.Port
		}
	}
	return 0
}
