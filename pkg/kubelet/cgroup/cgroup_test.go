package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func pod(cpu, memory string) *v1.Pod {
	p := &v1.Pod{}
	p.UID = "1-2"
	c := v1.Container{}
	if cpu != "" {
		c.Resources.Limits = v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
		c.Resources.Requests = c.Resources.Limits
	}
	p.Spec.Containers = []v1.Container{c}
	return p
}

func TestParent(t *testing.T) {
	for _, c := range []struct {
		driver Driver
		pod    *v1.Pod
		want   string
	}{
		{Cgroupfs, pod("", ""), "/kubepods/besteffort/pod1-2"},
		{Cgroupfs, pod("1", "1Gi"), "/kubepods/pod1-2"},
		{Systemd, pod("", ""), "kubepods-besteffort-pod1_2.slice"},
		{Systemd, pod("1", "1Gi"), "kubepods-pod1_2.slice"},
	} {
		m, err := New("", c.driver)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Parent(c.pod); got != c.want {
			t.Errorf("%s: %s, want %s", c.driver, got, c.want)
		}
	}
	if _, err := New("", "magic"); err == nil {
		t.Error("an unknown driver was accepted")
	}
}

// TestV1Files works on plain directories: what a cgroup file system does by
// itself (files appearing) is prepared.
func TestV1Files(t *testing.T) {
	root := t.TempDir()
	path := "kubepods/pod1-2"
	for _, f := range []string{"cpu/" + path + "/cpu.shares", "cpu/" + path + "/cpu.cfs_quota_us", "memory/" + path + "/memory.limit_in_bytes"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "pids"), 0o755); err != nil {
		t.Fatal(err)
	}
	m, err := New(root, Cgroupfs)
	if err != nil {
		t.Fatal(err)
	}
	if !m.V1() {
		t.Error("several trees are cgroup v1")
	}
	if err := m.Create(pod("500m", "64Mi")); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"cpu/" + path + "/cpu.shares": "512", "cpu/" + path + "/cpu.cfs_quota_us": "50000", "memory/" + path + "/memory.limit_in_bytes": "67108864",
	} {
		got, err := os.ReadFile(filepath.Join(root, file))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %s", file, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "pids", path)); err != nil {
		t.Errorf("not made in every tree: %v", err)
	}
}

// TestRealCgroups makes and removes a pod's cgroup on this host.
func TestRealCgroups(t *testing.T) {
	m, err := New("/sys/fs/cgroup", Cgroupfs)
	if err != nil {
		t.Fatal(err)
	}
	p := pod("100m", "32Mi")
	p.UID = "slowmo-test"
	if err := m.Create(p); err != nil {
		t.Fatal(err)
	}
	if err := m.Create(p); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := m.Remove(p.UID); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(p.UID); err != nil {
		t.Errorf("a second time: %v", err)
	}
	var left []string
	for _, tree := range m.trees {
		found, _ := filepath.Glob(filepath.Join(m.root, tree, "kubepods", "*slowmo-test*"))
		left = append(left, found...)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, ", "))
	}
}

func TestConvert(t *testing.T) {
	q := func(s string) *resource.Quantity { v := resource.MustParse(s); return &v }
	for _, c := range []struct{ request, limit, want string }{
		{"0", "0", "2 0"}, {"100m", "0", "102 0"}, {"0", "2", "2048 200000"}, {"1m", "1m", "2 1000"}, {"1000", "0", "262144 0"},
	} {
		if got := fmt.Sprint(Shares(q(c.request), q(c.limit)), Quota(q(c.limit))); got != c.want {
			t.Errorf("request %s, limit %s: %s, want %s", c.request, c.limit, got, c.want)
		}
	}
	for shares, want := range map[int64]int64{2: 1, 1024: 39, 262144: 10000} {
		if got := weight(shares); got != want {
			t.Errorf("weight(%d) = %d, want %d", shares, got, want)
		}
	}
	for name, want := range map[v1.ResourceName]string{"hugepages-2Mi": "2MB", "hugepages-1Gi": "1GB", "hugepages-64Ki": "64KB"} {
		if got, ok := HugepageSize(name); !ok || got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, ok := HugepageSize("cpu"); ok {
		t.Error("cpu is no huge page")
	}
}
