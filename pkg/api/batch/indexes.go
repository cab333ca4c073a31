package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// Indexes of a job are written as intervals in increasing order: "1,3-5,7".
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode

// interval is a run of indexes, both ends included.
type interval struct{ first, last int32 }

func parseInterval(text string, completions int32) (interval, error) {
	parts := strings.Split(text, "-")
	if len(parts) > 2 {
		return interval{}, fmt.Errorf("the fragment %q violates the requirement that an index interval can have at most two parts separated by '-'", text)
	}
	first, err := parseIndex(parts[0], completions)
	if err != nil || len(parts) == 1 {
		return interval{first, first}, err
	}
	last, err := parseIndex(parts[1], completions)
	if err == nil && first >= last {
		err = fmt.Errorf("non-increasing order, previous: %d, current: %d", first, last)
	}
	return interval{first, last}, err
}

func parseIndex(text string, completions int32) (int32, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("cannot convert string to integer for index: %q", text)
	}
	if n >= int(completions) {
		return 0, fmt.Errorf("too large index: %q", text)
	}
	return int32(n), nil
}

// countIndexes returns how many indexes text names.
func countIndexes(text string, completions int32) (total int32, err error) {
	if text == "" {
		return 0, nil
	}
	previous := int32(-1)
	for i, part := range strings.Split(text, ",") {
		run, err := parseInterval(part, completions)
		if err != nil {
			return 0, err
		}
		if i > 0 && previous >= run.first {
			return 0, fmt.Errorf("non-increasing order, previous: %d, current: %d", previous, run.first)
		}
		total += run.last - run.first + 1
		previous = run.last
	}
	return total, nil
}

// checkDisjoint says which index is both in completed and in failed. It passes
// over what it cannot read: that is another error.
func checkDisjoint(completed, failed string, completions int32) error {
	a, b := readable(completed, completions), readable(failed, completions)
	for len(a) > 0 && len(b) > 0 {
		if a[0].first <= b[0].last && b[0].first <= a[0].last {
			return fmt.Errorf("failedIndexes and completedIndexes overlap at index: %d", max(a[0].first, b[0].first))
		}
		if a[0].first <= b[0].first {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return nil
}

func readable(text string, completions int32) (runs []interval) {
	for part := range strings.SplitSeq(text, ",") {
		if run, err := parseInterval(part, completions); err == nil {
			runs = append(runs, run)
		}
	}
	return runs
}
