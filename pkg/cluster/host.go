package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is what we found on this machine.
type Host struct {
	Containerd string // the programs' paths
	Runc       string
	CNIBin     string // folder of the CNI plugins
	NodeName   string
	NodeIP     net.IP
	// Snapshotter is overlayfs, or native where the root's file system cannot
	// carry an overlay (it is one itself, as in a container).
	Snapshotter string
	// RestrictOOM: without CAP_SYS_RESOURCE the kernel refuses scores below our own.
	RestrictOOM bool
}

// The packages are Debian's names; other distributions' are close.
const aptGet = "apt-get install containerd runc containernetworking-plugins nftables iproute2 conntrack"

// ErrNotRoot is what everybody else gets.
var ErrNotRoot = errors.New("a cluster makes namespaces, mounts and firewall rules: run this as root (sudo)")

// inspectHost finds what the cluster needs, or says what is missing.
func inspectHost(paths Paths) (Host, error) {
	var host Host
	if os.Geteuid() != 0 {
		return host, ErrNotRoot
	}
	var errs []error
	find := func(program string) string {
		path, err := lookProgram(program)
		errs = append(errs, err)
		return path
	}
	host.Containerd = find("containerd")
	host.Runc = find("runc")
	find("nft")
	var err error
	host.CNIBin, err = cniBin()
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return host, fmt.Errorf("%w\nInstall what is missing: %s", err, aptGet)
	}
	if host.NodeName, err = nodeName(); err != nil {
		return host, err
	}
	if host.NodeIP, err = nodeIP(); err != nil {
		return host, err
	}
	host.RestrictOOM = !hasCapability(unix.CAP_SYS_RESOURCE)
	host.Snapshotter, err = snapshotter(paths.Containerd())
	return host, err
}

// lookProgram looks where root's programs are, even if PATH is a user's.
func lookProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no program %q in PATH", name)
}

// cniBin finds the folder with the plugins that pod networks are made with.
func cniBin() (string, error) {
	dirs := []string{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"}
	for _, dir := range dirs {
		if _, err := exec.LookPath(filepath.Join(dir, "bridge")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("there is no CNI plugin %q in %s", "bridge", strings.Join(dirs, ", "))
}

// nodeName is the host's name in lower case, as the kubelet registers it.
func nodeName() (string, error) {
	name, err := os.Hostname()
	return strings.ToLower(strings.TrimSpace(name)), err
}

// nodeIP is the source address of the default route; a machine without one
// uses its first address that others could reach.
func nodeIP() (net.IP, error) {
	if routes, err := netlink.RouteGet(net.IPv4(192, 0, 2, 1)); err == nil && len(routes) > 0 && routes[0].Src != nil {
		return routes[0].Src, nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP, nil
		}
	}
	return nil, errors.New("no network interface has an IPv4 address: give one an address (ip addr add 192.0.2.1/24 dev ...)")
}

// hasCapability reads our effective set.
func hasCapability(capability uint) bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(after, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && set&(1<<capability) != 0
}

// snapshotter chooses how containerd keeps layers below dir. The common file
// systems carry overlays; with others a trial is surer than knowing all of them.
func snapshotter(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", err
	}
	switch int64(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return "overlayfs", nil
	}
	trial, err := os.MkdirTemp(dir, ".overlay-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(trial)
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(trial, name), 0o700); err != nil {
			return "", err
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", trial)
	merged := filepath.Join(trial, "merged")
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "native", nil
	}
	return "overlayfs", unix.Unmount(merged, 0)
}
