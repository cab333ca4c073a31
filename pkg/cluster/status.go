package cluster

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ProcessStatus is one process of a cluster, as it is now.
type ProcessStatus struct {
	Name string
	Instance
	Running  bool
	Resident int64 // bytes; 0 if it does not run
	Log      string
}

// Status lists the supervisor and then the processes by name. A cluster that is
// not up is an error.
func Status(paths Paths) ([]ProcessStatus, error) {
	state, err := ReadState(paths)
	if err != nil {
		return nil, err
	}
	if state.Supervisor.PID == 0 {
		return nil, errors.New("the cluster is not up: slowmo up starts it")
	}
	list := []ProcessStatus{processStatus(paths, "supervisor", state.Supervisor)}
	for name, instance := range state.Processes {
		list = append(list, processStatus(paths, name, instance))
	}
	slices.SortFunc(list[1:], func(a, b ProcessStatus) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func processStatus(paths Paths, name string, i Instance) ProcessStatus {
	status := ProcessStatus{Name: name, Instance: i, Running: i.Alive(), Log: paths.Log(name)}
	if status.Running {
		status.Resident = resident(i.PID)
	}
	return status
}

// resident is the physical memory of a process in bytes, 0 if it has just ended.
func resident(pid int) int64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(statm))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
