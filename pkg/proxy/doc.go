// Package proxy makes Services reachable on a node: it turns Services, EndpointSlices and the
// host ports of the node's pods into nftables rules, and keeps them so.
//
// # A packet's way
//
// Only the first packet of a connection is looked at; connection tracking does the rest.
//
//  1. prerouting (from pods and from outside) and output (from the node itself) jump to the chain
//     services. One look-up of destination, protocol and port in the map service-ips, or of the
//     port alone in service-nodeports when the destination is the node, goes to the
//     Service's chain, however many Services there are.
//  2. The Service's chain picks an endpoint at random and rewrites the destination.
//  3. postrouting gives the node's address to what could not be answered otherwise: traffic
//     that came in by a node port, that returns to the pod it left, or that leaves the pods' network.
//
// A packet that no rule rewrote and that still carries a Service's address is refused in the
// chain unserved, at once instead of by a timeout; one to an address that Services have theirs from,
// and that none has, is dropped, so that it does not leave by the default route.
//
// # The code
//
// Everything up to the transaction is pure: ports.go reads a Service and its slices, rules.go makes the
// Fragment of one port, hostport.go that of a pod, base.go what is always there. table.go holds
// what the kernel has and computes the difference, so that a changed endpoint rewrites its Service's chain and
// nothing else. proxy.go watches and calls it. forward.go lets pod traffic through where another
// tool drops what is forwarded.
//
// The tables are ours alone (ip and ip6 kube-proxy); Cleanup removes them.
//
// https://kubernetes.io/docs/reference/networking/virtual-ips/
package proxy
