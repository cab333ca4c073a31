package node

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Facts are what a host is: they do not change while the kubelet runs.
type Facts struct {
	Info     v1.NodeSystemInfo // without the runtime's and the kubelet's versions
	Capacity v1.ResourceList   // without pods
}

// Reserved is what pods may not have: upstream's default hard eviction
// threshold, below which pods are evicted anyway.
var reserved = resource.MustParse("100Mi")

// ReadFacts looks at the host. dir is on the file system that pods write to.
func ReadFacts(dir string) (Facts, error) {
	memory, err := memoryTotal()
	if err != nil {
		return Facts{}, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return Facts{}, fmt.Errorf("file system of %s: %w", dir, err)
	}
	f := Facts{Info: systemInfo(), Capacity: v1.ResourceList{
		v1.ResourceCPU:              *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		v1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
		v1.ResourceEphemeralStorage: *resource.NewQuantity(int64(fs.Blocks)*fs.Bsize, resource.BinarySI),
	}}
	pages, err := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-*kB")
	if err != nil {
		return Facts{}, err
	}
	for _, dir := range pages {
		name, q, err := hugepages(dir)
		if err != nil {
			return Facts{}, err
		}
		f.Capacity[name] = q
	}
	return f, nil
}

func hugepages(dir string) (v1.ResourceName, resource.Quantity, error) {
	text := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(dir), "hugepages-"), "kB")
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", resource.Quantity{}, fmt.Errorf("%s: %w", dir, err)
	}
	number, err := strconv.ParseInt(read(filepath.Join(dir, "nr_hugepages")), 10, 64)
	if err != nil {
		return "", resource.Quantity{}, fmt.Errorf("%s: %w", dir, err)
	}
	name := v1.ResourceName(v1.ResourceHugePagesPrefix + resource.NewQuantity(size<<10, resource.BinarySI).String())
	return name, *resource.NewQuantity(number*size<<10, resource.BinarySI), nil
}

func memoryTotal() (int64, error) { return memoryField("MemTotal") }

// memoryField reads one line of /proc/meminfo, in bytes.
func memoryField(name string) (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		words := strings.Fields(scanner.Text())
		if len(words) >= 2 && words[0] == name+":" {
			kib, err := strconv.ParseInt(words[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no %s", name)
}

// read is a file's text without the white space around it, "" if there is none.
func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func systemInfo() v1.NodeSystemInfo {
	info := v1.NodeSystemInfo{
		MachineID:       read("/etc/machine-id"),
		SystemUUID:      read("/sys/class/dmi/id/product_uuid"),
		BootID:          read("/proc/sys/kernel/random/boot_id"),
		OSImage:         "Linux",
		OperatingSystem: runtime.GOOS,
		Architecture:    runtime.GOARCH,
	}
	if info.SystemUUID == "" {
		info.SystemUUID = info.MachineID
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		info.KernelVersion = unix.ByteSliceToString(u.Release[:])
	}
	for line := range strings.Lines(read("/etc/os-release")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			info.OSImage = strings.Trim(name, `"`)
		}
	}
	return info
}

// Allocatable is what pods may have of a capacity.
func Allocatable(capacity v1.ResourceList) v1.ResourceList {
	list := capacity.DeepCopy()
	if memory, ok := list[v1.ResourceMemory]; ok {
		memory.Sub(reserved)
		list[v1.ResourceMemory] = memory
	}
	if storage, ok := list[v1.ResourceEphemeralStorage]; ok {
		list[v1.ResourceEphemeralStorage] = *resource.NewQuantity(storage.Value()*9/10, resource.DecimalSI)
	}
	return list
}

// DefaultIP is the address by which others reach this host: that of the link of
// the default route, or any other, or loopback on a host without a network.
func DefaultIP() netip.Addr {
	// No packet is sent: connecting a UDP socket only chooses its address.
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err == nil {
		defer conn.Close()
		if addr, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
			return addr.Addr()
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
				return p.Addr()
			}
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
