package proxy

import (
	"fmt"
	"strings"

	"sigs.k8s.io/knftables"
)

// The named sets and maps.
const (
	serviceIPs        = "service-ips"        // address . protocol . port -> chain
	serviceNodePorts  = "service-nodeports"  // protocol . port -> chain
	firewallIPs       = "firewall-ips"       // address . protocol . port -> chain
	unservedIPs       = "unserved-ips"       // address . protocol . port -> drop or reject
	unservedNodePorts = "unserved-nodeports" // protocol . port -> drop or reject
	clusterIPs        = "cluster-ips"        // all Services' cluster IPs
	hairpin           = "hairpin"            // address . the same: local pods that can meet themselves
	hostPorts         = "hostports"          // protocol . port -> address . port
	hostPortIPs       = "hostport-ips"       // address . protocol . port -> address . port
)

// Chains that others jump to.
const (
	servicesChain = "services"
	unservedChain = "unserved"
	firewallChain = "firewall"
	masqChain     = "masquerading"
	markChain     = "mark-for-masquerade"
	rejectChain   = "reject-chain"
	rangesChain   = "service-ranges" // its rules are rangesFragment's
)

// masqMark is the bit of the packet mark that says: give this packet the node's address when it leaves.
// It is the one upstream uses, so other tools leave it alone.
const masqMark = "0x4000"

// baseSets are the sets and maps, by name, with the types of key and value.
func (s *settings) baseSets() (sets []*knftables.Set, maps []*knftables.Map) {
	at := s.family.addr + " . inet_proto . inet_service"
	sets = []*knftables.Set{
		{Name: clusterIPs, Type: s.family.addr},
		{Name: hairpin, Type: s.family.addr + " . " + s.family.addr},
	}
	maps = []*knftables.Map{
		{Name: serviceIPs, Type: at + " : verdict"},
		{Name: serviceNodePorts, Type: "inet_proto . inet_service : verdict"},
		{Name: firewallIPs, Type: at + " : verdict"},
		{Name: unservedIPs, Type: at + " : verdict"},
		{Name: unservedNodePorts, Type: "inet_proto . inet_service : verdict"},
		{Name: hostPorts, Type: "inet_proto . inet_service : " + s.family.addr + " . inet_service"},
		{Name: hostPortIPs, Type: at + " : " + s.family.addr + " . inet_service"},
	}
	return sets, maps
}

// baseChain is a chain that is always there. Without a hook others jump to it.
type baseChain struct {
	name     string
	kind     knftables.BaseChainType
	hook     knftables.BaseChainHook
	priority knftables.BaseChainPriority
	rules    []string
}

// baseChains are in an order in which each is known before it is jumped to.
func (s *settings) baseChains() []baseChain {
	const (
		nat, filter = knftables.NATType, knftables.FilterType
		dnat        = knftables.DNATPriority
	)
	unserved := []string{"ct state new jump " + unservedChain}
	return []baseChain{
		{name: rejectChain, rules: []string{"meta l4proto tcp reject with tcp reset", "reject"}},
		{name: markChain, rules: []string{"meta mark set meta mark or " + masqMark}},
		{name: servicesChain, rules: s.servicesRules()},
		{name: rangesChain},
		{name: unservedChain, rules: s.unservedRules()},
		{name: firewallChain, rules: []string{s.at("daddr") + " vmap @" + firewallIPs}},
		{name: masqChain, rules: s.masqRules()},
		{"filter-prerouting", filter, knftables.PreroutingHook, knftables.RawPriority, []string{s.loopbackGuard()}},
		{"firewall-prerouting", filter, knftables.PreroutingHook, dnat + "-10", []string{"ct state new jump " + firewallChain}},
		{"nat-prerouting", nat, knftables.PreroutingHook, dnat, []string{"jump " + servicesChain}},
		{"nat-output", nat, knftables.OutputHook, "-100", []string{"jump " + servicesChain}},
		{"filter-input", filter, knftables.InputHook, knftables.FilterPriority, unserved},
		{"filter-forward", filter, knftables.ForwardHook, knftables.FilterPriority, unserved},
		{"filter-output", filter, knftables.OutputHook, knftables.FilterPriority, unserved},
		{"nat-postrouting", nat, knftables.PostroutingHook, knftables.SNATPriority, []string{"jump " + masqChain}},
	}
}

// at is the look-up key of destination (or source), protocol and port.
func (s *settings) at(which string) string {
	return fmt.Sprintf("%s %s . meta l4proto . th dport", s.family.table, which)
}

func (s *settings) servicesRules() []string {
	var rules []string
	if len(s.pods) > 0 {
		// What reaches a cluster IP from elsewhere has no way back but through this node.
		rules = append(rules, fmt.Sprintf("%s saddr != %s %s daddr @%s jump %s", s.family.table, oneOf(s.pods), s.family.table, clusterIPs, markChain))
	}
	return append(rules,
		s.at("daddr")+" vmap @"+serviceIPs,
		"fib daddr type local meta l4proto . th dport vmap @"+serviceNodePorts,
		fmt.Sprintf("fib daddr type local dnat %s to %s map @%s", s.family.table, s.at("daddr"), hostPortIPs),
		fmt.Sprintf("fib daddr type local dnat %s to meta l4proto . th dport map @%s", s.family.table, hostPorts),
	)
}

func (s *settings) unservedRules() []string {
	return []string{
		s.at("daddr") + " vmap @" + unservedIPs,
		"fib daddr type local meta l4proto . th dport vmap @" + unservedNodePorts,
		fmt.Sprintf("%s daddr @%s goto %s", s.family.table, clusterIPs, rejectChain),
		"goto " + rangesChain,
	}
}

func (s *settings) masqRules() []string {
	const masquerade = "masquerade fully-random"
	ip := string(s.family.table)
	rules := []string{
		fmt.Sprintf("meta mark and %s != 0 meta mark set meta mark xor %s %s", masqMark, masqMark, masquerade),
		fmt.Sprintf("%s saddr . %s daddr @%s %s", ip, ip, hairpin, masquerade),
		fmt.Sprintf("oifname != \"lo\" %s saddr %s %s", ip, s.family.loopback, masquerade),
	}
	if len(s.pods) > 0 {
		inside := make([]string, 0, len(s.pods)+1)
		for _, p := range s.pods {
			inside = append(inside, p.Masked().String())
		}
		inside = append(inside, s.family.beyond)
		rules = append(rules, fmt.Sprintf("%s saddr %s %s daddr != { %s } %s", ip, oneOf(s.pods), ip, strings.Join(inside, ", "), masquerade))
	}
	return rules
}

// loopbackGuard makes route_localnet safe: node ports answer on 127.0.0.1, but what comes from the
// wire for that address does not get in (CVE-2020-8558).
func (s *settings) loopbackGuard() string {
	return fmt.Sprintf("iifname != \"lo\" %s daddr %s drop", s.family.table, s.family.loopback)
}
