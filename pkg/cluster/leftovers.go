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

// cniResults is where CNI keeps what it answered for each pod, for everybody.
const cniResults = "/var/lib/cni/results"

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
	files := l.sockets
	for _, id := range l.ids {
		results, err := filepath.Glob(filepath.Join(cniResults, "*-"+id+"-*"))
		errs = append(errs, err)
		files = append(files, results...)
	}
	for _, file := range files {
		if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
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
// hierarchy under root, but for those with processes in them: all of ours have
// ended, so these are somebody else's, who uses the name too. What has just
// ended leaves its cgroup a moment later.
func removeCgroups(root, name string) error {
	var tops []string
	for _, pattern := range []string{name, "*/" + name} { // v2, v1
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		tops = append(tops, found...)
	}
	deadline := time.After(5 * time.Second)
	again := time.NewTicker(10 * time.Millisecond) // only v2 tells when a cgroup gets empty
	defer again.Stop()
	for {
		var errs []error
		for _, top := range tops {
			_, err := removeCgroup(top)
			errs = append(errs, err)
		}
		err := errors.Join(errs...)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-again.C:
		case <-deadline:
			return err
		}
	}
}

// removeCgroup removes dir after everything below it. It keeps what is in use.
// A cgroup's files go with it.
func removeCgroup(dir string) (kept bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		below, err := removeCgroup(filepath.Join(dir, entry.Name()))
		if err != nil {
			return false, err
		}
		kept = kept || below
	}
	if processes, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err == nil && len(processes) > 0 {
		kept = true
	}
	if kept {
		return true, nil
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return false, fmt.Errorf("remove cgroup %s: %w", dir, err)
	}
	return false, nil
}
