package cgroup

import (
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Period is the CPU quota's, in microseconds.
const Period = 100_000

// The kernel's bounds.
const (
	minShares = 2
	maxShares = 262_144
	minQuota  = 1_000
)

// Shares is the CPU weight of a request; of the limit if nothing is requested.
func Shares(request, limit *resource.Quantity) int64 {
	milli := request.MilliValue()
	if milli == 0 {
		milli = limit.MilliValue()
	}
	return min(max(milli*1024/1000, minShares), maxShares)
}

// Quota is the CPU time a period of a limit, in microseconds; 0 means no limit.
func Quota(limit *resource.Quantity) int64 {
	milli := limit.MilliValue()
	if milli == 0 {
		return 0
	}
	return max(milli*Period/1000, minQuota)
}

// weight maps cgroup v1's shares [2, 262144] to v2's weights [1, 10000].
func weight(shares int64) int64 {
	return 1 + (shares-minShares)*9999/(maxShares-minShares)
}

// HugepageSize is the kernel's name of the page size in a resource's name:
// "2MB" for hugepages-2Mi.
func HugepageSize(name v1.ResourceName) (string, bool) {
	text, ok := strings.CutPrefix(string(name), v1.ResourceHugePagesPrefix)
	if !ok {
		return "", false
	}
	size, err := resource.ParseQuantity(text)
	if err != nil {
		return "", false
	}
	bytes, unit := size.Value(), 0
	units := []string{"B", "KB", "MB", "GB", "TB", "PB"}
	for bytes >= 1024 && bytes%1024 == 0 && unit < len(units)-1 {
		bytes /= 1024
		unit++
	}
	return strconv.FormatInt(bytes, 10) + units[unit], true
}
