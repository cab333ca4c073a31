package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slowmo/pkg/pki"
)

// State is what runs, as the supervisor writes it down.
type State struct {
	Supervisor Instance            `json:"supervisor"`
	Processes  map[string]Instance `json:"processes"`
}

// Instance is one run of a program. A pid alone is not enough, since pids are
// used again: Start tells the runs apart.
type Instance struct {
	PID int `json:"pid"`
	// Start is the boot's id and the clock tick of the process's start.
	Start string    `json:"start"`
	Since time.Time `json:"since"`
	// Restarts counts the runs before this one.
	Restarts int `json:"restarts"`
}

// ReadState reads the state file; a missing one is an empty State.
func ReadState(p Paths) (State, error) {
	state := State{Processes: map[string]Instance{}}
	data, err := os.ReadFile(p.State())
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return state, fmt.Errorf("%s: %w", p.State(), err)
	}
	return state, nil
}

// stateFile keeps the State of a running supervisor on disk. Safe for
// concurrent use.
type stateFile struct {
	paths Paths

	mu    sync.Mutex
	state State
}

// newStateFile begins a state with this process as the supervisor.
func newStateFile(p Paths) (*stateFile, error) {
	self, err := instance(os.Getpid())
	if err != nil {
		return nil, err
	}
	f := &stateFile{paths: p, state: State{Supervisor: self, Processes: map[string]Instance{}}}
	return f, f.write()
}

// started records a new run of p.
func (f *stateFile) started(p Process, pid int) error {
	run, err := instance(pid)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if before, ok := f.state.Processes[p.Name]; ok {
		run.Restarts = before.Restarts + 1
	}
	f.state.Processes[p.Name] = run
	return f.write()
}

func (f *stateFile) write() error {
	data, err := json.MarshalIndent(f.state, "", "  ")
	if err != nil {
		return err
	}
	return pki.WriteFile(f.paths.State(), data, 0o644)
}

// instance describes the process that has the pid now, or its zombie.
func instance(pid int) (Instance, error) {
	start, _, err := startOf(pid)
	return Instance{PID: pid, Start: start, Since: time.Now()}, err
}

// Alive tells whether this run goes on. A zombie has ended.
func (i Instance) Alive() bool {
	if i.PID <= 0 {
		return false
	}
	start, zombie, err := startOf(i.PID)
	return err == nil && !zombie && start == i.Start
}

// startOf returns what tells the run of a pid from other runs of the same pid,
// and whether only its zombie is left.
func startOf(pid int) (start string, zombie bool, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", false, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false, err
	}
	// The second field is the program's name in brackets and may hold anything;
	// the state is the first one after it, the start time the twentieth.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	const state, startTime = 0, 19
	if len(fields) <= startTime {
		return "", false, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	zombie = fields[state] == "Z" || fields[state] == "X"
	return strings.TrimSpace(string(boot)) + "/" + fields[startTime], zombie, nil
}

// end stops this run: SIGTERM, SIGKILL after grace. It returns when the process
// is gone, and at once when it is gone already.
func (i Instance) end(grace time.Duration) error {
	if !i.Alive() {
		return nil
	}
	fd, err := unix.PidfdOpen(i.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !i.Alive() { // the pid changed hands before fd held it
		return nil
	}
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, 10 * time.Second}} {
		if err := unix.PidfdSendSignal(fd, step.signal, nil, 0); errors.Is(err, unix.ESRCH) {
			return nil
		} else if err != nil {
			return err
		}
		if ended, err := pollEnd(fd, step.wait); ended || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d does not end", i.PID)
}

// pollEnd waits until the process of the pidfd ends or the time is up.
func pollEnd(fd int, wait time.Duration) (bool, error) {
	deadline := time.Now().Add(wait)
	for {
		left := max(0, time.Until(deadline))
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0, err
	}
}
