package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridge is the link that the pods of this machine are connected to.
const bridge = "slowmo0"

// cgroupRoot is where cgroups are mounted, in every mode.
const cgroupRoot = "/sys/fs/cgroup"

// podCgroups is the cgroup above all pods, as the kubelet calls it.
const podCgroups = "kubepods"

// leftovers are the containers of our containerd, found without asking it: each
// has a folder in its state folder, and a shim says on its command line whose it is.
type leftovers struct {
	ids       []string   // of containers and sandboxes
	sockets   []string   // the shims', outside of our folders
	processes []Instance // shims first, then what runs in the containers
}

// findContainers looks for all that is left.
func findContainers(paths Paths) (leftovers, error) {
	var left leftovers
	bundles, err := filepath.Glob(filepath.Join(paths.ContainerdState(), "io.containerd.runtime.v2.task", "*", "*"))
	if err != nil {
		return left, err
	}
	for _, bundle := range bundles {
		left.ids = append(left.ids, filepath.Base(bundle))
		if address, err := os.ReadFile(filepath.Join(bundle, "address")); err == nil {
			left.sockets = append(left.sockets, strings.TrimPrefix(strings.TrimSpace(string(address)), "unix://"))
		}
	}
	var contained []Instance
	for pid := range pids() {
		process, err := instance(pid)
		switch {
		case err != nil: // it has just ended
		case isShim(pid, paths.ContainerdSocket()):
			left.processes = append(left.processes, process)
		case slices.ContainsFunc(left.ids, func(id string) bool { return inContainer(pid, id) }):
			contained = append(contained, process)
		}
	}
	left.processes = append(left.processes, contained...)
	return left, nil
}

// kill ends what is left, the shims before the containers so that nobody
// reacts to their end.
func (l leftovers) kill() error {
	var errs []error
	for _, process := range l.processes {
		errs = append(errs, process.end(0))
	}
	for _, socket := range l.sockets {
		if err := os.Remove(socket); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// pids yields the ids of all processes.
func pids() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		entries, _ := os.ReadDir("/proc") // it is always there
		for _, entry := range entries {
			if pid, err := strconv.Atoi(entry.Name()); err == nil && !yield(pid) {
				return
			}
		}
	}
}

// isShim tells whether the process is a shim of the containerd at the socket.
func isShim(pid int, socket string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := bytes.Split(line, []byte{0})
	return err == nil && strings.HasPrefix(filepath.Base(string(args[0])), "containerd-shim") &&
		slices.ContainsFunc(args, func(arg []byte) bool { return string(arg) == socket })
}

// inContainer tells whether the process is in the cgroup of the container.
func inContainer(pid int, id string) bool {
	cgroups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && bytes.Contains(cgroups, []byte("/"+id))
}

// unmountBelow unmounts everything that is mounted on or below the folders, the
// innermost first. Network namespaces end with their mounts.
func unmountBelow(dirs ...string) error {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return !slices.ContainsFunc(dirs, func(dir string) bool {
			return m.Mountpoint == dir || strings.HasPrefix(m.Mountpoint, dir+"/")
		}), false
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, mount := range slices.Backward(mounts) { // in the order in which they were mounted
		err := unix.Unmount(mount.Mountpoint, unix.MNT_DETACH)
		if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: it went with another one
			errs = append(errs, fmt.Errorf("unmount %s: %w", mount.Mountpoint, err))
		}
	}
	return errors.Join(errs...)
}

// removeLink deletes a network link, if there is one of the name.
func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("delete link %s: %w", name, err)
	}
	return nil
}

// removeCgroups removes the cgroup called name and all below it from every
// hierarchy under root. The kernel keeps a cgroup with a process in it, so what
// is not ours to end is safe. Ended processes leave their cgroups a moment later.
func removeCgroups(root, name string) error {
	var tops []string
	for _, pattern := range []string{name, "*/" + name} { // v2, v1
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		tops = append(tops, found...)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		var errs []error
		for _, top := range tops {
			errs = append(errs, removeTree(top))
		}
		err := errors.Join(errs...)
		if err == nil || !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
		// cgroup.events would tell in v2 only.
		<-time.After(10 * time.Millisecond)
	}
}

// removeTree removes folders from the leaves up. A cgroup's files go with it.
func removeTree(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
	}
	return nil
}
