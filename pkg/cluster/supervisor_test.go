package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slowmo/pkg/component"
)

// The test binary started again with this variable is a process to supervise;
// the value says how it behaves.
const roleVariable = "SLOWMO_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		playRole(role)
		return
	}
	os.Exit(m.Run())
}

func playRole(role string) {
	fmt.Println("playing", role)
	switch role {
	case "broken":
		fmt.Println("cannot serve on port 1: address in use")
		os.Exit(3)
	case "stubborn":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		go func() {
			for range signals { // for as long as the process lives
			}
		}()
	}
	if role != "mute" {
		if err := component.Started(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	select {}
}

// troupe is a supervisor of test processes and the events it reported.
type troupe struct {
	*supervisor
	paths Paths

	mu     sync.Mutex
	events []Event
	heard  chan struct{} // has room for one: something was added
}

func newTroupe(t *testing.T) *troupe {
	t.Helper()
	dir := t.TempDir()
	tr := &troupe{paths: Paths{Root: dir, Run: dir}, heard: make(chan struct{}, 1)}
	state, err := newStateFile(tr.paths)
	if err != nil {
		t.Fatal(err)
	}
	tr.supervisor = newSupervisor(state, func(e Event) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.events = append(tr.events, e)
		select {
		case tr.heard <- struct{}{}:
		default:
		}
	})
	t.Cleanup(tr.stop)
	return tr
}

func (tr *troupe) process(name, role string) Process {
	return Process{
		Name: name, Args: []string{os.Args[0]}, Env: []string{roleVariable + "=" + role},
		Log: tr.paths.Log(name), Notify: tr.paths.notify(name), Grace: 100 * time.Millisecond,
	}
}

func (tr *troupe) instance(t *testing.T, name string) Instance {
	t.Helper()
	state, err := ReadState(tr.paths)
	if err != nil {
		t.Fatal(err)
	}
	return state.Processes[name]
}

func (tr *troupe) all() []Event {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.events)
}

// await returns the nth event of the kind.
func (tr *troupe) await(t *testing.T, kind Kind, n int) Event {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		seen := 0
		for _, e := range tr.all() {
			if e.Kind == kind {
				if seen++; seen == n {
					return e
				}
			}
		}
		select {
		case <-tr.heard:
		case <-deadline:
			t.Fatalf("there was no %s number %d in %v", kind, n, tr.all())
		}
	}
}

func TestRestart(t *testing.T) {
	tr := newTroupe(t)
	if err := tr.start(t.Context(), tr.process("actor", "good")); err != nil {
		t.Fatal(err)
	}
	first := tr.instance(t, "actor")
	if !first.Alive() || first.Restarts != 0 {
		t.Fatalf("after the start: %+v, alive %v", first, first.Alive())
	}
	for n := 1; n <= 3; n++ {
		old := tr.instance(t, "actor")
		if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		event := tr.await(t, Restarted, n)
		if paused := strings.Contains(event.Text, " in "); paused != (n > 1) {
			t.Errorf("restart %d: %q; only the first is immediate", n, event.Text)
		}
		eventually(t, "it runs again", func() bool {
			now := tr.instance(t, "actor")
			return now.Restarts == n && now.Alive()
		})
	}
	if first.Alive() {
		t.Error("the first run counts as alive")
	}
}

func TestStopIsInReverse(t *testing.T) {
	tr := newTroupe(t)
	names := []string{"one", "two", "three"}
	for _, name := range names {
		role := "good"
		if name == "two" {
			role = "stubborn" // SIGKILL has to end it
		}
		if err := tr.start(t.Context(), tr.process(name, role)); err != nil {
			t.Fatal(err)
		}
	}
	tr.stop()
	var stopped []string
	for _, e := range tr.all() {
		if e.Kind == Stopped {
			stopped = append(stopped, e.Step)
		}
	}
	if want := []string{"three", "two", "one"}; !slices.Equal(stopped, want) {
		t.Errorf("stopped %v, want %v", stopped, want)
	}
	for _, name := range names {
		if tr.instance(t, name).Alive() {
			t.Errorf("%s is alive", name)
		}
	}
	if err := tr.start(t.Context(), tr.process("late", "good")); err == nil {
		t.Error("something could be started after stop")
	}
}

func TestStartFails(t *testing.T) {
	tr := newTroupe(t)
	err := tr.start(t.Context(), tr.process("broken", "broken"))
	for _, part := range []string{"broken did not start", "exit status 3", "cannot serve on port 1", tr.paths.Log("broken")} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	missing := tr.process("missing", "good")
	missing.Args = []string{filepath.Join(t.TempDir(), "no-such-program")}
	if err := tr.start(t.Context(), missing); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tr.start(ctx, tr.process("mute", "mute")); err != context.DeadlineExceeded {
		t.Errorf("a process that never says it is ready: %v", err)
	}
}

// TestTakeOver leaves processes behind as a kill -9 of the supervisor does.
func TestTakeOver(t *testing.T) {
	paths := Paths{Root: t.TempDir(), Run: t.TempDir()}
	stray := exec.Command(os.Args[0])
	stray.Env = append(os.Environ(), roleVariable+"=mute")
	if err := stray.Start(); err != nil {
		t.Fatal(err)
	}
	state, err := newStateFile(paths)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.started(Process{Name: "stray"}, stray.Process.Pid); err != nil {
		t.Fatal(err)
	}
	// The pid of somebody else, as after a reboot.
	state.state.Processes["other"] = Instance{PID: os.Getppid(), Start: "another boot/1"}
	if err := state.write(); err != nil {
		t.Fatal(err)
	}
	c := New(Config{Paths: paths})
	s, err := c.takeOver()
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	if err := stray.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("the stray process ended with %v", err)
	}
	if err := syscall.Kill(os.Getppid(), 0); err != nil {
		t.Errorf("a process that was not ours was ended: %v", err)
	}
	after, err := ReadState(paths)
	if err != nil || len(after.Processes) != 0 || after.Supervisor.PID != os.Getpid() {
		t.Errorf("state %+v, %v", after, err)
	}
}
