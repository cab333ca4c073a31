package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// world is network namespaces wired like a small cluster:
//
//	a 10.244.0.5 --+
//	               +-- cni0 10.244.0.1  node  192.0.2.10 -- 192.0.2.20 out (and 10.244.1.5, a pod elsewhere)
//	b 10.244.0.6 --+
type world struct {
	t  *testing.T
	ns map[string]netns.NsHandle
}

func newWorld(t *testing.T) *world {
	w := newEmptyWorld(t)
	for _, name := range []string{"a", "b", "out"} {
		w.make(name)
	}
	w.in("node", func() {
		w.run("ip link add cni0 type bridge")
		w.run("ip addr add 10.244.0.1/24 dev cni0")
		w.run("ip link set cni0 up")
	})
	w.wire("a", "10.244.0.5/24", "10.244.0.1", func() { w.run("ip link set to-a master cni0"); w.run("bridge link set dev to-a hairpin on") })
	w.wire("b", "10.244.0.6/24", "10.244.0.1", func() { w.run("ip link set to-b master cni0"); w.run("bridge link set dev to-b hairpin on") })
	w.wire("out", "192.0.2.20/24", "192.0.2.10", func() {
		w.run("ip addr add 192.0.2.10/24 dev to-out")
		w.run("ip route add default via 192.0.2.20")
	})
	w.in("out", func() { w.run("ip addr add 10.244.1.5/32 dev lo") })
	w.in("node", func() {
		if err := prepareKernel(context.Background(), []*table{newTable(testSettings(), nil)}); err != nil {
			t.Fatal(err)
		}
		if err := setSysctl(routeLocalnet, "1"); err != nil {
			t.Fatal(err)
		}
	})
	return w
}

// newEmptyWorld has the node alone, and nothing in it.
func newEmptyWorld(t *testing.T) *world {
	w := &world{t: t, ns: map[string]netns.NsHandle{}}
	w.make("node")
	return w
}

// make creates a namespace that goes with the test.
func (w *world) make(name string) {
	w.onThread(func() {
		ns, err := netns.New()
		if err != nil {
			w.t.Errorf("%v; the tests run as root", err)
			return
		}
		w.ns[name] = ns
		w.t.Cleanup(func() { ns.Close() })
		w.run("ip link set lo up")
	})
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// wire joins a namespace to the node by a pair of links.
func (w *world) wire(name, address, gateway string, atNode func()) {
	w.in("node", func() {
		w.run("ip link add to-" + name + " type veth peer name eth0")
		peer, err := netlink.LinkByName("eth0")
		if err == nil {
			err = netlink.LinkSetNsFd(peer, int(w.ns[name]))
		}
		if err != nil {
			w.t.Error(err)
			return
		}
		w.run("ip link set to-" + name + " up")
		atNode()
	})
	w.in(name, func() {
		w.run("ip addr add " + address + " dev eth0")
		w.run("ip link set eth0 up")
		w.run("ip route add default via " + gateway)
	})
}

// in runs f with its thread in the named namespace.
func (w *world) in(name string, f func()) {
	w.t.Helper()
	w.onThread(func() {
		if err := netns.Set(w.ns[name]); err != nil {
			w.t.Error(err)
			return
		}
		f()
	})
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// onThread runs f on a thread of its own, which ends with it: its namespace must not leak into others.
func (w *world) onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func (w *world) run(command string) {
	w.t.Helper()
	words := strings.Fields(command)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		w.t.Errorf("%s: %v: %s", command, err, out)
	}
}

// serve answers every connection in a namespace with "NAME saw CLIENT".
func (w *world) serve(name string, port int) {
	w.in(name, func() {
		listener, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			w.t.Error(err)
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
				fmt.Fprintf(conn, "%s saw %s\n", name, host)
				conn.Close()
			}
		}()
		w.t.Cleanup(func() { listener.Close(); <-done })
	})
}

// patience is how long an answer may take; only tests of what is dropped wait for it.
const patience = 700 * time.Millisecond

// ask connects from a namespace and returns the answer, "refused" or "nothing".
func (w *world) ask(from, address string) (answer string) {
	w.t.Helper()
	w.in(from, func() {
		conn, err := net.DialTimeout("tcp4", address, patience)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			answer = "refused"
			return
		case err != nil:
			answer = "nothing"
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		answer = strings.TrimSpace(line)
	})
	return answer
}
