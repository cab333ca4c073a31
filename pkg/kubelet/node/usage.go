package node

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/stat's times: USER_HZ is 100 on all of Linux's
// architectures.
const clockTick = 10 * time.Millisecond

// CPUUsage is the time that all cores were busy since the host started.
func CPUUsage() (time.Duration, error) {
	for line := range strings.Lines(read("/proc/stat")) {
		words := strings.Fields(line)
		if len(words) < 8 || words[0] != "cpu" {
			continue
		}
		var busy time.Duration
		for i, word := range words[1:8] { // user nice system idle iowait irq softirq
			ticks, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				return 0, err
			}
			if i != 3 && i != 4 {
				busy += time.Duration(ticks) * clockTick
			}
		}
		return busy, nil
	}
	return 0, fmt.Errorf("/proc/stat has no line for the cpu")
}

// MemoryUsage is how much memory cannot be had and how much can, in bytes.
func MemoryUsage() (used, available uint64, err error) {
	total, err := memoryField("MemTotal")
	if err != nil {
		return 0, 0, err
	}
	free, err := memoryField("MemAvailable")
	return uint64(total - free), uint64(free), err
}

// BootTime is when the host started; zero if it does not say.
func BootTime() time.Time {
	for line := range strings.Lines(read("/proc/stat")) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "btime "); ok {
			if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
				return time.Unix(seconds, 0)
			}
		}
	}
	return time.Time{}
}
