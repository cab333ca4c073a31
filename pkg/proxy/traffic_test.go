package proxy

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/knftables"
)

// cluster is a world with a proxy's state on its node and a server in every pod.
type cluster struct {
	*world
	state *state
}

func newCluster(t *testing.T, objects ...string) *cluster {
	c := &cluster{world: newWorld(t)}
	for _, pod := range []string{"a", "b", "out"} {
		c.serve(pod, 8080)
	}
	c.in("node", func() {
		nft, err := knftables.New(knftables.IPv4Family, TableName)
		if err != nil {
			t.Error(err)
			return
		}
		c.state = newState([]*table{newTable(testSettings(), nft)})
	})
	c.apply(objects...)
	return c
}

func (c *cluster) apply(objects ...string) {
	c.t.Helper()
	c.in("node", func() { play(c.t, c.state, strings.Join(objects, "\n---\n")) })
}

// service and slice write the objects that the tests vary.
func service(name, ip, spec string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {namespace: default, name: %s}
spec: {clusterIP: %s, %s}`, name, ip, spec)
}

func balanced(object, ip string) string {
	return object + "\nstatus: {loadBalancer: {ingress: [{ip: " + ip + "}]}}"
}

func slice(service, protocol string, endpoints ...string) string {
	text := fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
addressType: IPv4
metadata: {namespace: default, name: %s-1, labels: {kubernetes.io/service-name: %s}}
ports: [{name: "", port: 8080, protocol: %s}]
endpoints:`, service, service, protocol)
	for _, e := range endpoints {
		text += "\n- " + e
	}
	if len(endpoints) == 0 {
		text += " []"
	}
	return text
}

const (
	podA      = "{addresses: [10.244.0.5], nodeName: node1}"
	podB      = "{addresses: [10.244.0.6], nodeName: node1}"
	elsewhere = "{addresses: [10.244.1.5], nodeName: node2}"
)

// expect asks and compares; several wanted answers are alternatives.
func (c *cluster) expect(from, address string, want ...string) {
	c.t.Helper()
	got := c.ask(from, address)
	for _, w := range want {
		if got == w {
			return
		}
	}
	c.t.Errorf("%s -> %s: got %q, want %q", from, address, got, want)
}

func TestTrafficToClusterIP(t *testing.T) {
	c := newCluster(t,
		service("web", "10.96.0.10", "ports: [{port: 80}]"), slice("web", "TCP", podA, podB),
		service("solo", "10.96.0.11", "ports: [{port: 80}]"), slice("solo", "TCP", podA),
		service("far", "10.96.0.12", "ports: [{port: 80}]"), slice("far", "TCP", elsewhere),
		service("none", "10.96.0.13", "ports: [{port: 80}]"))
	seen := map[string]bool{}
	for range 40 {
		answer := c.ask("node", "10.96.0.10:80")
		seen[answer[:min(1, len(answer))]] = true
	}
	if !seen["a"] || !seen["b"] || len(seen) != 2 {
		t.Errorf("40 connections went to %v", seen)
	}
	c.expect("b", "10.96.0.11:80", "a saw 10.244.0.6")   // a pod keeps its address
	c.expect("a", "10.96.0.11:80", "a saw 10.244.0.1")   // and can reach itself
	c.expect("a", "10.96.0.12:80", "out saw 10.244.0.5") // also on another node
	c.expect("out", "10.96.0.11:80", "a saw 10.244.0.1") // from outside by way of the node
	for _, from := range []string{"node", "a", "out"} {
		c.expect(from, "10.96.0.13:80", "refused")
		c.expect(from, "10.96.0.10:81", "refused") // no such port
	}
	c.apply(slice("web", "TCP", podB))
	for range 10 {
		c.expect("a", "10.96.0.10:80", "b saw 10.244.0.5")
	}
}

// TestNoServiceNoWay: a packet to an address that cluster IPs are given from, but
// that no Service has, does not leave by the default route.
func TestNoServiceNoWay(t *testing.T) {
	c := newCluster(t)
	c.in("out", func() { c.run("ip addr add 10.96.0.99/32 dev lo") })
	c.expect("a", "10.96.0.99:8080", "out saw 192.0.2.10")
	c.apply("apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: kubernetes}\nspec: {cidrs: [10.96.0.0/16, \"fd00::/108\"]}",
		service("solo", "10.96.0.11", "ports: [{port: 80}]"), slice("solo", "TCP", podA))
	for _, from := range []string{"a", "node"} {
		c.expect(from, "10.96.0.99:8080", "nothing")
	}
	c.expect("b", "10.96.0.11:80", "a saw 10.244.0.6")
}

func TestTrafficFromOutside(t *testing.T) {
	const port = "ports: [{port: 80, nodePort: 30080}], type: LoadBalancer"
	c := newCluster(t,
		balanced(service("web", "10.96.0.10", port+", externalIPs: [203.0.113.9, 198.51.100.7]"), "192.0.2.10"), slice("web", "TCP", podA))
	c.expect("out", "192.0.2.10:30080", "a saw 10.244.0.1")
	c.expect("out", "192.0.2.10:80", "a saw 10.244.0.1")
	c.expect("out", "203.0.113.9:80", "a saw 10.244.0.1")
	c.expect("out", "198.51.100.7:80", "nothing", "refused") // not allowed
	c.expect("node", "127.0.0.1:30080", "a saw 10.244.0.1")
	c.expect("node", "192.0.2.10:30080", "a saw 10.244.0.1")
	c.expect("a", "192.0.2.10:30080", "a saw 10.244.0.1")

	c.apply(balanced(service("web", "10.96.0.10", port+", loadBalancerSourceRanges: [192.0.2.128/25]"), "192.0.2.10"))
	c.expect("out", "192.0.2.10:80", "nothing")
	c.expect("out", "192.0.2.10:30080", "a saw 10.244.0.1")

	c.apply(balanced(service("web", "10.96.0.10", port+", externalTrafficPolicy: Local"), "192.0.2.10"))
	c.expect("out", "192.0.2.10:30080", "a saw 192.0.2.20") // keeps its address
	c.expect("out", "192.0.2.10:80", "a saw 192.0.2.20")
	c.expect("node", "127.0.0.1:30080", "a saw 10.244.0.1")

	c.apply(slice("web", "TCP", elsewhere))
	c.expect("out", "192.0.2.10:30080", "nothing") // not from here
	c.expect("a", "192.0.2.10:30080", "out saw 10.244.0.5")

	c.apply(slice("web", "TCP"))
	c.expect("out", "192.0.2.10:30080", "refused")
	c.expect("node", "127.0.0.1:30080", "refused")
}

func TestTrafficKeepsItsEndpoint(t *testing.T) {
	c := newCluster(t, service("web", "10.96.0.10", "sessionAffinity: ClientIP, ports: [{port: 80}]"), slice("web", "TCP", podA, podB))
	first := c.ask("node", "10.96.0.10:80")
	for range 15 {
		c.expect("node", "10.96.0.10:80", first)
	}
}

func TestTrafficToHostPort(t *testing.T) {
	c := newCluster(t, `apiVersion: v1
kind: Pod
metadata: {namespace: default, name: a, uid: a}
spec: {containers: [{name: c, ports: [{containerPort: 8080, hostPort: 8081}, {containerPort: 8080, hostPort: 8082, hostIP: 127.0.0.1}]}]}
status: {phase: Running, podIP: 10.244.0.5}`)
	c.expect("out", "192.0.2.10:8081", "a saw 192.0.2.20")
	c.expect("node", "127.0.0.1:8081", "a saw 10.244.0.1")
	c.expect("node", "192.0.2.10:8081", "a saw 192.0.2.10", "a saw 10.244.0.1")
	c.expect("a", "192.0.2.10:8081", "a saw 10.244.0.1")
	c.expect("b", "192.0.2.10:8081", "a saw 10.244.0.6")
	c.expect("node", "127.0.0.1:8082", "a saw 10.244.0.1")
	c.expect("out", "192.0.2.10:8082", "refused")
}

func TestTrafficOfPodsLeavesAsTheNode(t *testing.T) {
	c := newCluster(t)
	c.expect("a", "192.0.2.20:8080", "out saw 192.0.2.10")
	c.expect("a", "10.244.1.5:8080", "out saw 10.244.0.5") // another pod sees it as it is
	c.expect("a", "10.244.0.6:8080", "b saw 10.244.0.5")
}

// TestTrafficPassesAnothersDrop has Docker's tables on the node: what is forwarded is dropped.
func TestTrafficPassesAnothersDrop(t *testing.T) {
	c := newCluster(t, service("web", "10.96.0.10", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"), slice("web", "TCP", podA))
	f := &forward{pods: testSettings().pods}
	for _, chains := range [][]string{{othersChain}, {chainForUser, othersChain}} {
		c.in("node", func() {
			c.run("nft add table ip filter")
			for _, chain := range chains {
				if chain == othersChain {
					c.run("nft add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }")
				} else {
					c.run("nft add chain ip filter " + chain)
				}
			}
			if len(chains) > 1 {
				c.run("nft add rule ip filter FORWARD counter jump DOCKER-USER")
			}
		})
		c.expect("out", "192.0.2.10:30080", "nothing")
		c.in("node", func() {
			for range 2 { // the second finds its rules
				f.doubt()
				f.ensure(context.Background())
			}
		})
		c.expect("out", "192.0.2.10:30080", "a saw 10.244.0.1")
		c.expect("a", "192.0.2.20:8080", "out saw 192.0.2.10")
		c.in("node", func() {
			nft, err := knftables.New(knftables.IPv4Family, othersTable)
			if err != nil {
				t.Error(err)
				return
			}
			if rules, err := ownRules(context.Background(), nft, chains[0]); len(rules) != 2 || err != nil {
				t.Errorf("%d rules in %s: %v", len(rules), chains[0], err)
			}
			if err := f.remove(context.Background()); err != nil {
				t.Error(err)
			}
			if rules, _ := ownRules(context.Background(), nft, chains[0]); len(rules) != 0 {
				t.Errorf("%d rules are left", len(rules))
			}
			c.run("nft delete table ip filter")
		})
	}
}

// TestUDPFollowsItsEndpoint keeps one UDP "connection" open over a change of endpoints.
func TestUDPFollowsItsEndpoint(t *testing.T) {
	c := newCluster(t, service("dns", "10.96.0.53", "ports: [{port: 53, protocol: UDP}]"), slice("dns", "UDP", podA))
	for _, pod := range []string{"a", "b"} {
		c.serveUDP(pod, 8080)
	}
	c.in("node", func() {
		conn, err := net.Dial("udp4", "10.96.0.53:53")
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if got := exchange(conn); got != "a" {
			t.Errorf("answered by %q, want a", got)
		}
		play(t, c.state, slice("dns", "UDP", podB))
		forgetStale(c.state.udp)
		if got := exchange(conn); got != "b" {
			t.Errorf("answered by %q, want b", got)
		}
	})
}

// exchange sends until something answers.
func exchange(conn net.Conn) string {
	answer := make([]byte, 16)
	for range 20 {
		if _, err := conn.Write([]byte("who")); err != nil {
			return err.Error()
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := conn.Read(answer); err == nil {
			return string(answer[:n])
		}
	}
	return "nobody"
}

func (w *world) serveUDP(name string, port int) {
	w.in(name, func() {
		conn, err := net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		if err != nil {
			w.t.Error(err)
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			packet := make([]byte, 16)
			for {
				_, from, err := conn.ReadFrom(packet)
				if err != nil {
					return
				}
				_, _ = conn.WriteTo([]byte(name), from)
			}
		}()
		w.t.Cleanup(func() { conn.Close(); <-done })
	})
}
