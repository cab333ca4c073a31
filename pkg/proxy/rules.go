package proxy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// settings are what the rules depend on beside the objects.
type settings struct {
	family family
	node   string
	// pods are the ranges that pods have their addresses from, in this family; none: unknown.
	pods []netip.Prefix
	// externalIPs are the ranges that Services may name addresses of.
	externalIPs []netip.Prefix
}

// fragment is the part of the table that one owner asks for: a Service's port, or a pod with host
// ports.
type fragment struct {
	chains   map[string][]string      // name -> rules
	sets     map[string]time.Duration // name -> timeout; addresses that rules add themselves
	elements map[element]string       // -> value, "" in a set
}

// element is a key in one of the named sets and maps of base.go.
type element struct{ in, key string }

func newFragment() *fragment {
	return &fragment{chains: map[string][]string{}, sets: map[string]time.Duration{}, elements: map[element]string{}}
}

// rangesFragment drops what goes to an address that cluster IPs are given from and that no Service
// has, as far as we have heard: the client's next try may reach one.
func (s *settings) rangesFragment(ranges map[string][]string) *fragment {
	rules := []string{} // none, and still a chain, since the base jumps to it
	for _, name := range keys(ranges) {
		for _, text := range ranges[name] {
			if prefix, err := netip.ParsePrefix(text); err == nil && s.family.has(prefix.Addr().String()) {
				rules = append(rules, fmt.Sprintf("%s daddr %s drop", s.family.table, prefix.Masked()))
			}
		}
	}
	f := newFragment()
	f.chains[rangesChain] = rules
	return f
}

// portFragment makes the rules of one port of a Service.
func (s *settings) portFragment(p *servicePort) *fragment {
	f := newFragment()
	service, local := "service-"+p.name, "local-"+p.name
	if !p.internalLocal || p.isExternal() {
		s.balance(f, service, p, p.endpoints)
	}
	if p.internalLocal || p.externalLocal && p.isExternal() {
		s.balance(f, local, p, p.local)
	}
	key := fmt.Sprintf("%s . %s . %d", p.clusterIP, p.protocol, p.port)
	f.elements[element{clusterIPs, p.clusterIP}] = ""
	switch {
	case !p.internalLocal && len(p.endpoints) > 0:
		f.elements[element{serviceIPs, key}] = "goto " + service
	case p.internalLocal && len(p.local) > 0:
		f.elements[element{serviceIPs, key}] = "goto " + local
	case p.internalLocal && len(p.endpoints) > 0:
		f.elements[element{unservedIPs, key}] = "drop" // elsewhere it is served
	}
	if p.isExternal() {
		s.external(f, p, service, local)
	}
	for _, e := range p.local {
		f.elements[element{hairpin, e.ip + " . " + e.ip}] = ""
	}
	return f
}

func (p *servicePort) isExternal() bool { return p.nodePort != 0 || len(p.external) > 0 }

// external makes what handles traffic to the addresses beside the cluster IP.
func (s *settings) external(f *fragment, p *servicePort, service, local string) {
	verdicts, verdict := element{in: serviceIPs}, "goto external-"+p.name
	ports := serviceNodePorts
	switch {
	case len(p.endpoints) == 0:
		verdicts.in, ports, verdict = unservedIPs, unservedNodePorts, "goto "+rejectChain
	case !p.externalLocal:
		f.chains["external-"+p.name] = []string{"jump " + markChain, "goto " + service}
	default:
		f.chains["external-"+p.name] = s.localRules(p, service, local)
	}
	for _, ip := range p.external {
		verdicts.key = fmt.Sprintf("%s . %s . %d", ip, p.protocol, p.port)
		f.elements[verdicts] = verdict
	}
	if p.nodePort != 0 {
		f.elements[element{ports, fmt.Sprintf("%s . %d", p.protocol, p.nodePort)}] = verdict
	}
	if p.externalLocal && len(p.local) == 0 && len(p.endpoints) > 0 {
		for _, ip := range p.external {
			f.elements[element{unservedIPs, fmt.Sprintf("%s . %s . %d", ip, p.protocol, p.port)}] = "drop"
		}
		if p.nodePort != 0 {
			f.elements[element{unservedNodePorts, fmt.Sprintf("%s . %d", p.protocol, p.nodePort)}] = "drop"
		}
	}
	s.firewall(f, p)
}

// localRules keep traffic from outside on this node, with its source address; what comes from pods or
// from the node itself may go anywhere, as it could by the cluster IP.
func (s *settings) localRules(p *servicePort, service, local string) []string {
	var rules []string
	if len(s.pods) > 0 {
		rules = append(rules, fmt.Sprintf("%s saddr %s goto %s", s.family.table, oneOf(s.pods), service))
	}
	rules = append(rules,
		"fib saddr type local jump "+markChain,
		"fib saddr type local goto "+service)
	if len(p.local) > 0 {
		rules = append(rules, "goto "+local)
	}
	return rules
}

// firewall drops what loadBalancerSourceRanges leaves out.
func (s *settings) firewall(f *fragment, p *servicePort) {
	if len(p.sources) == 0 || len(p.balancers) == 0 {
		return
	}
	chain := "firewall-" + p.name
	f.chains[chain] = []string{fmt.Sprintf("%s saddr != { %s } drop", s.family.table, strings.Join(p.sources, ", "))}
	for _, ip := range p.balancers {
		f.elements[element{firewallIPs, fmt.Sprintf("%s . %s . %d", ip, p.protocol, p.port)}] = "goto " + chain
	}
}

// balance makes the chain that picks one of the endpoints.
func (s *settings) balance(f *fragment, chain string, p *servicePort, endpoints []endpoint) {
	if len(endpoints) == 0 {
		return
	}
	if p.affinity > 0 {
		f.chains[chain] = s.stickyRules(f, p, endpoints)
		return
	}
	to := make([]string, len(endpoints))
	for i, e := range endpoints {
		to[i] = strconv.Itoa(i) + " : " + e.String()
	}
	f.chains[chain] = []string{fmt.Sprintf("meta l4proto %s dnat %s to numgen random mod %d map { %s }",
		p.protocol, s.family.table, len(endpoints), strings.Join(to, ", "))}
}

// stickyRules give a client that came lately to the endpoint it had then: each endpoint remembers its
// clients in a set whose members leave when they were not seen for the time.
func (s *settings) stickyRules(f *fragment, p *servicePort, endpoints []endpoint) []string {
	var known []string
	to := make([]string, len(endpoints))
	for i, e := range endpoints {
		at := fmt.Sprintf("%s/%s/%d", p.name, strings.ReplaceAll(e.ip, ":", "."), e.port)
		set, chain := "affinity-"+at, "endpoint-"+at
		f.sets[set] = time.Duration(p.affinity) * time.Second
		f.chains[chain] = []string{
			fmt.Sprintf("update @%s { %s saddr }", set, s.family.table),
			fmt.Sprintf("meta l4proto %s dnat to %s", p.protocol, e.addressed()),
		}
		known = append(known, fmt.Sprintf("%s saddr @%s goto %s", s.family.table, set, chain))
		to[i] = fmt.Sprintf("%d : goto %s", i, chain)
	}
	return append(known, fmt.Sprintf("numgen random mod %d vmap { %s }", len(endpoints), strings.Join(to, " , ")))
}

// oneOf writes ranges as an expression that can be compared with.
func oneOf(ranges []netip.Prefix) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.Masked().String()
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "{ " + strings.Join(texts, ", ") + " }"
}
