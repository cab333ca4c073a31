// Package cgroup keeps the cgroups above a pod's containers: one for each pod,
// in one for its quality-of-service class.
//
//	kubepods                          all pods
//	kubepods/pod<uid>                 Guaranteed
//	kubepods/burstable/pod<uid>
//	kubepods/besteffort/pod<uid>
//
// The runtime makes the containers' own below. Cgroup v1 (every controller is a
// tree), hybrid and v2 (one tree) are told apart by what is mounted. With the
// systemd driver the same places are slices, which systemd makes and removes.
// https://kubernetes.io/docs/concepts/architecture/cgroups/
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/resource"

	"slowmo/pkg/kubelet/status"
)

// Driver says who makes cgroups: the kubelet and runtime themselves, or systemd.
type Driver string

// The drivers, by their names in KubeletConfiguration.
const (
	Cgroupfs Driver = "cgroupfs"
	Systemd  Driver = "systemd"
)

// Manager makes and removes pods' cgroups. The zero Root means there are none to
// keep (fake nodes, systemd); names are still given out.
type Manager struct {
	driver Driver
	root   string   // /sys/fs/cgroup, or ""
	trees  []string // controllers' directories below root: {""} for v2
}

// New finds out what the host has. root is /sys/fs/cgroup, or "" to make no
// cgroups at all.
func New(root string, driver Driver) (*Manager, error) {
	m := &Manager{driver: driver, root: root}
	switch {
	case driver != Cgroupfs && driver != Systemd:
		return nil, fmt.Errorf("cgroup driver %q: use cgroupfs or systemd", driver)
	case root == "" || driver == Systemd:
		m.root = ""
		return m, nil
	case IsV2(root):
		m.trees = []string{""}
		return m, nil
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() { // "cpu" may be a symlink to "cpu,cpuacct"
			continue
		}
		m.trees = append(m.trees, e.Name())
	}
	return m, nil
}

// IsV2 tells whether a cgroup mount is the unified hierarchy alone.
func IsV2(root string) bool {
	var st unix.Statfs_t
	return unix.Statfs(root, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// V1 tells whether limits are those of cgroup v1.
func (m *Manager) V1() bool { return len(m.trees) > 0 && !m.v2() }

func (m *Manager) v2() bool { return len(m.trees) == 1 && m.trees[0] == "" }

// Enforce bounds all pods together to what is allocatable. It must be called
// before the first Create.
func (m *Manager) Enforce(allocatable v1.ResourceList) error {
	if len(m.trees) == 0 {
		return nil
	}
	if err := m.make("/kubepods"); err != nil {
		return err
	}
	return m.write("/kubepods", values{shares: Shares(allocatable.Cpu(), allocatable.Cpu()), memory: allocatable.Memory().Value()})
}

// Parent is the name of the pod's cgroup in the form of CRI's cgroup_parent.
func (m *Manager) Parent(pod *v1.Pod) string {
	return m.name(status.QOS(pod), pod.UID)
}

func (m *Manager) name(class v1.PodQOSClass, uid types.UID) string {
	if m.driver == Systemd {
		id := strings.ReplaceAll(string(uid), "-", "_")
		if class == v1.PodQOSGuaranteed {
			return "kubepods-pod" + id + ".slice"
		}
		return "kubepods-" + strings.ToLower(string(class)) + "-pod" + id + ".slice"
	}
	if class == v1.PodQOSGuaranteed {
		return "/kubepods/pod" + string(uid)
	}
	return "/kubepods/" + strings.ToLower(string(class)) + "/pod" + string(uid)
}

// Create makes the pod's cgroup with its limits. It is idempotent.
func (m *Manager) Create(pod *v1.Pod) error {
	path := m.Parent(pod)
	if err := m.make(path); err != nil {
		return err
	}
	return m.write(path, limits(pod))
}

func (m *Manager) make(path string) error {
	for _, tree := range m.trees {
		if err := os.MkdirAll(filepath.Join(m.root, tree, path), 0o755); err != nil {
			return fmt.Errorf("create cgroup: %w", err)
		}
		if m.v2() {
			if err := delegate(m.root, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate turns on the controllers for the children of each cgroup on the way
// to path: on v2 a cgroup has only those that its parent hands down.
func delegate(root, path string) error {
	dir := root
	for _, part := range append([]string{""}, strings.Split(strings.Trim(path, "/"), "/")...) {
		dir = filepath.Join(dir, part)
		available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("delegate cgroup controllers: %w", err)
		}
		for _, controller := range strings.Fields(string(available)) {
			// One that cannot be delegated (cpu with real-time tasks) costs its limits only.
			_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
		}
	}
	return nil
}

// values are what a cgroup is set to; 0 leaves a value alone.
type values struct{ shares, quota, memory int64 }

// limits are what the pod as a whole may use: the sum of its containers' limits
// if all have one.
func limits(pod *v1.Pod) values {
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	sum := resource.PodLimits(pod, resource.PodResourcesOptions{})
	v := values{shares: Shares(requests.Cpu(), sum.Cpu())}
	if allLimited(pod, v1.ResourceCPU) {
		v.quota = Quota(sum.Cpu())
	}
	if allLimited(pod, v1.ResourceMemory) {
		v.memory = sum.Memory().Value()
	}
	return v
}

// write sets a cgroup. A controller that the host does not have, or does not
// hand down, limits nothing.
func (m *Manager) write(path string, v values) error {
	set := func(value int64, tree, file1, file2, text2 string) error {
		file, text := filepath.Join(tree, path, file1), strconv.FormatInt(value, 10)
		if m.v2() {
			file, text = filepath.Join(path, file2), text2
		}
		if value == 0 || len(m.trees) == 0 {
			return nil
		}
		err := os.WriteFile(filepath.Join(m.root, file), []byte(text), 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return err
	}
	return errors.Join(
		set(v.shares, "cpu", "cpu.shares", "cpu.weight", strconv.FormatInt(weight(v.shares), 10)),
		set(v.quota, "cpu", "cpu.cfs_quota_us", "cpu.max", fmt.Sprintf("%d %d", v.quota, Period)),
		set(v.memory, "memory", "memory.limit_in_bytes", "memory.max", strconv.FormatInt(v.memory, 10)),
	)
}

// allLimited tells whether the sum of limits bounds the pod.
func allLimited(pod *v1.Pod, name v1.ResourceName) bool {
	if pod.Spec.Resources != nil {
		if _, ok := pod.Spec.Resources.Limits[name]; ok {
			return true
		}
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if q := list[i].Resources.Limits[name]; q.IsZero() {
				return false
			}
		}
	}
	return true
}

// Remove removes the pod's cgroup, whichever class it is in. It must be empty of
// processes.
func (m *Manager) Remove(uid types.UID) error {
	var errs []error
	for _, class := range []v1.PodQOSClass{v1.PodQOSGuaranteed, v1.PodQOSBurstable, v1.PodQOSBestEffort} {
		for _, tree := range m.trees {
			if err := removeTree(filepath.Join(m.root, tree, m.name(class, uid))); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// removeTree removes a cgroup and those below it: rmdir is the only way.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove cgroup %s: %w", dir, err)
	}
	return nil
}
