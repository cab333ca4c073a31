package proxy

import (
	"log/slog"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// udpPort is where UDP packets of one Service's port are sent to, and where they may be led. A UDP
// "connection" lives as long as packets come, so one that leads to an endpoint that is gone,
// or nowhere, would do so for ever.
type udpPort struct {
	family    family
	addresses map[netip.Addr]bool
	port      uint16
	nodePort  uint16
	endpoints map[netip.Addr]bool
}

func (t *table) udpPort(p *servicePort) udpPort {
	u := udpPort{family: t.family, port: uint16(p.port), nodePort: uint16(p.nodePort),
		addresses: map[netip.Addr]bool{}, endpoints: map[netip.Addr]bool{}}
	for _, text := range append([]string{p.clusterIP}, p.external...) {
		if addr, err := netip.ParseAddr(text); err == nil {
			u.addresses[addr] = true
		}
	}
	for _, e := range p.endpoints {
		if addr, err := netip.ParseAddr(e.ip); err == nil {
			u.endpoints[addr] = true
		}
	}
	return u
}

// MatchConntrackFlow selects the connections that must be forgotten: sent to the port, but answered by
// none of its endpoints. It is called by netlink for each connection.
func (u udpPort) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	to, from := address(flow.Forward.DstIP), address(flow.Reverse.SrcIP)
	ours := flow.Forward.DstPort == u.port && u.addresses[to] ||
		u.nodePort != 0 && flow.Forward.DstPort == u.nodePort
	return ours && !u.endpoints[from]
}

func address(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// forgetStale deletes those connections. A failure is logged: the rules are right all the same.
func forgetStale(ports []udpPort) {
	for _, u := range ports {
		family := netlink.InetFamily(unix.AF_INET)
		if u.family.table == ipv6.table {
			family = unix.AF_INET6
		}
		if _, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, u); err != nil {
			slog.Warn("Old UDP connections could not be forgotten", "port", u.port, "err", err)
		}
	}
}
