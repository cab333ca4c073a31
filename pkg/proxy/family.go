package proxy

import (
	"net/netip"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/knftables"
)

// TableName is the name of our table in each family; it is upstream's, so that the two cannot both
// be at work.
const TableName = "kube-proxy"

// family is IPv4 or IPv6 in nft's words and in the API's.
type family struct {
	table    knftables.Family // also the expression: "ip daddr"
	addr     string           // the type of an address in a set
	ip       v1.IPFamily
	slices   discoveryv1.AddressType
	loopback string
	beyond   string // multicast: never masqueraded
}

var (
	ipv4 = family{knftables.IPv4Family, "ipv4_addr", v1.IPv4Protocol, discoveryv1.AddressTypeIPv4, "127.0.0.0/8", "224.0.0.0/4"}
	ipv6 = family{knftables.IPv6Family, "ipv6_addr", v1.IPv6Protocol, discoveryv1.AddressTypeIPv6, "::1/128", "ff00::/8"}
)

// has tells whether text is an address of this family.
func (f family) has(text string) bool {
	addr, err := netip.ParseAddr(text)
	return err == nil && addr.Is4() == (f.ip == v1.IPv4Protocol)
}

// hasPrefix tells whether p is of this family.
func (f family) hasPrefix(p netip.Prefix) bool { return p.Addr().Is4() == (f.ip == v1.IPv4Protocol) }
