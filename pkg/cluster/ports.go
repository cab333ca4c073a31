package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ports are what our processes serve on: upstream's, and the second controller
// manager's.
var ports = []int{6443, 10248, 10249, 10250, secondControllerManager, 10256, 10257, 10259}

// portsFree names the ports that are taken, and by whom.
func portsFree(ports []int) error {
	var errs []error
	for _, port := range ports {
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			errs = append(errs, fmt.Errorf("port %d is taken%s", port, holder(port)))
			continue
		}
		listener.Close()
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w\nA cluster has these ports to itself: stop what uses them", errors.Join(errs...))
	}
	return nil
}

// holder says which process listens on the port, if it can be seen from here.
func holder(port int) string {
	sockets := listening(port)
	for pid := range pids() {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, file := range files {
			if target, err := os.Readlink(file); err == nil && sockets[target] {
				name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
				return fmt.Sprintf(" by %s (process %d)", strings.TrimSpace(string(name)), pid)
			}
		}
	}
	return ""
}

// listening returns the sockets that listen on the port, as /proc/*/fd shows them.
func listening(port int) map[string]bool {
	const local, state, inode = 1, 3, 9 // fields of /proc/net/tcp, see proc_net_tcp.txt of the kernel
	const listen = "0A"
	sockets := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, _ := os.ReadFile(file) // without IPv6 there is no tcp6
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) <= inode || fields[state] != listen {
				continue
			}
			_, hex, _ := strings.Cut(fields[local], ":")
			if n, err := strconv.ParseInt(hex, 16, 32); err == nil && int(n) == port {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return sockets
}
