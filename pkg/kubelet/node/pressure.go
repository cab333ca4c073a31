package node

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// Pressures tell what the host runs short of.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-conditions
type Pressures struct{ Memory, Disk, PID bool }

// Upstream's default hard eviction thresholds, as shares of the whole.
const (
	minDiskPercent  = 10
	minInodePercent = 5
)

// Measure looks at the host. dir is on the file system that pods write to. What
// cannot be read is no pressure.
func Measure(dir string) Pressures {
	var p Pressures
	if available, err := memoryField("MemAvailable"); err == nil {
		p.Memory = available < reserved.Value()
	}
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) == nil && fs.Blocks > 0 {
		p.Disk = fs.Bavail*100 < fs.Blocks*minDiskPercent ||
			fs.Files > 0 && fs.Ffree*100 < fs.Files*minInodePercent
	}
	p.PID = processes() >= maxProcesses()
	return p
}

// processes is how many there are: the second number of /proc/loadavg's fourth
// field.
func processes() int64 {
	words := strings.Fields(read("/proc/loadavg"))
	if len(words) < 4 {
		return 0
	}
	_, total, _ := strings.Cut(words[3], "/")
	n, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func maxProcesses() int64 {
	data, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return 1 << 62
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 1 << 62
	}
	return n
}

// conditions are in upstream's order.
func (p Pressures) conditions() []v1.NodeCondition {
	condition := func(t v1.NodeConditionType, bad bool, badReason, badText, reason, text string) v1.NodeCondition {
		if bad {
			return v1.NodeCondition{Type: t, Status: v1.ConditionTrue, Reason: badReason, Message: badText}
		}
		return v1.NodeCondition{Type: t, Status: v1.ConditionFalse, Reason: reason, Message: text}
	}
	return []v1.NodeCondition{
		condition(v1.NodeMemoryPressure, p.Memory, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
			"KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(v1.NodeDiskPressure, p.Disk, "KubeletHasDiskPressure", "kubelet has disk pressure",
			"KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(v1.NodePIDPressure, p.PID, "KubeletHasInsufficientPID", "kubelet has insufficient PID available",
			"KubeletHasSufficientPID", "kubelet has sufficient PID available"),
	}
}
