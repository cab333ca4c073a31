package server

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/node"
)

// usage is what one pod uses, by container name.
type usage map[string]*runtimeapi.ContainerStats

// usages asks the runtime what the containers of the node's pods use.
func (s *Server) usages(ctx context.Context) (map[*v1.Pod]usage, error) {
	answer, err := s.Runtime.ListContainerStats(ctx, &runtimeapi.ListContainerStatsRequest{})
	if err != nil {
		return nil, err
	}
	byUID := map[string]usage{}
	for _, c := range answer.Stats {
		labels := c.GetAttributes().GetLabels()
		uid, name := labels[cri.PodUIDLabel], labels[cri.ContainerNameLabel]
		if uid == "" || name == "" || c.GetCpu() == nil || c.GetMemory() == nil {
			continue
		}
		if byUID[uid] == nil {
			byUID[uid] = usage{}
		}
		byUID[uid][name] = c
	}
	all := map[*v1.Pod]usage{}
	for _, pod := range s.Pods.Show() {
		if u := byUID[string(pod.UID)]; u != nil {
			all[pod] = u
		}
	}
	return all, nil
}

// summary serves /stats/summary.
// https://kubernetes.io/docs/reference/instrumentation/node-metrics/
func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	all, err := s.usages(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	summary := stats.Summary{Node: s.nodeStats()}
	for pod, u := range all {
		summary.Pods = append(summary.Pods, podStats(pod, u))
	}
	writeJSON(w, &summary)
}

func (s *Server) nodeStats() stats.NodeStats {
	now := metav1.Now()
	n := stats.NodeStats{NodeName: s.NodeName, StartTime: metav1.NewTime(node.BootTime())}
	if cpu, err := node.CPUUsage(); err == nil {
		nanos := uint64(cpu.Nanoseconds())
		n.CPU = &stats.CPUStats{Time: now, UsageCoreNanoSeconds: &nanos}
	}
	if used, available, err := node.MemoryUsage(); err == nil {
		n.Memory = &stats.MemoryStats{Time: now, AvailableBytes: &available, UsageBytes: &used, WorkingSetBytes: &used}
	}
	n.Fs = fileSystem(s.RootDir, now)
	return n
}

func fileSystem(dir string, now metav1.Time) *stats.FsStats {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return nil
	}
	size := uint64(fs.Bsize)
	capacity, available, used := fs.Blocks*size, fs.Bavail*size, (fs.Blocks-fs.Bfree)*size
	inodes, free, inodesUsed := fs.Files, fs.Ffree, fs.Files-fs.Ffree
	return &stats.FsStats{
		Time: now, CapacityBytes: &capacity, AvailableBytes: &available, UsedBytes: &used,
		Inodes: &inodes, InodesFree: &free, InodesUsed: &inodesUsed,
	}
}

func podStats(pod *v1.Pod, u usage) stats.PodStats {
	p := stats.PodStats{PodRef: stats.PodReference{Name: pod.Name, Namespace: pod.Namespace, UID: string(pod.UID)}}
	if pod.Status.StartTime != nil {
		p.StartTime = *pod.Status.StartTime
	}
	var nanos, working uint64
	var at metav1.Time
	for name, c := range u {
		cs := stats.ContainerStats{Name: name, StartTime: metav1.NewTime(startTime(pod, name))}
		at = metav1.NewTime(time.Unix(0, c.Cpu.Timestamp))
		cs.CPU = &stats.CPUStats{Time: at, UsageCoreNanoSeconds: value(c.Cpu.UsageCoreNanoSeconds), UsageNanoCores: value(c.Cpu.UsageNanoCores)}
		cs.Memory = &stats.MemoryStats{
			Time: metav1.NewTime(time.Unix(0, c.Memory.Timestamp)), WorkingSetBytes: value(c.Memory.WorkingSetBytes),
			UsageBytes: value(c.Memory.UsageBytes), RSSBytes: value(c.Memory.RssBytes), AvailableBytes: value(c.Memory.AvailableBytes),
		}
		nanos += c.Cpu.UsageCoreNanoSeconds.GetValue()
		working += c.Memory.WorkingSetBytes.GetValue()
		p.Containers = append(p.Containers, cs)
	}
	p.CPU = &stats.CPUStats{Time: at, UsageCoreNanoSeconds: &nanos}
	p.Memory = &stats.MemoryStats{Time: at, WorkingSetBytes: &working}
	return p
}

// value is nil for a value that the runtime did not measure.
func value(v *runtimeapi.UInt64Value) *uint64 {
	if v == nil {
		return nil
	}
	n := v.Value
	return &n
}

func startTime(pod *v1.Pod, container string) time.Time {
	for _, list := range [][]v1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if r := list[i].State.Running; list[i].Name == container && r != nil {
				return r.StartedAt.Time
			}
		}
	}
	return time.Time{}
}
