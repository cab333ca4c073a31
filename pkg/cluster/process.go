package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program that the supervisor keeps running.
type Process struct {
	Name string
	Args []string // Args[0] is the program's path
	Env  []string // beside the supervisor's own, "KEY=value"
	Log  string   // the file that its output is appended to
	// Notify is the socket on which it says READY=1 (sd_notify).
	Notify string
	// Grace is what it gets between SIGTERM and SIGKILL.
	Grace time.Duration
}

// The pauses before a restart: none after a first death, then growing. A
// process that was up for calm starts with none again.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
	calm       = 10 * time.Second
)

// startWithin bounds the wait for READY=1.
const startWithin = 60 * time.Second

// keeper runs one process until it is stopped. All fields but the channels are
// its own goroutine's.
type keeper struct {
	Process
	started  func(Process, int) error // records a new pid before it is relied on
	restarts func(name string, err error, after time.Duration)

	ready   chan error    // receives once: nil on the first READY=1, or why there was none
	stop    chan struct{} // closed to stop
	stopped chan struct{} // closed when the process is gone for good

	logged int64 // where in the log the present run begins
}

// keep is the keeper's life.
func (k *keeper) keep() {
	defer close(k.stopped)
	notify, err := listenNotify(k.Notify)
	if err != nil {
		k.ready <- err
		return
	}
	defer notify.Close()
	announced := false
	var pause time.Duration
	for {
		begin := time.Now()
		err := k.once(notify, &announced)
		if k.stopping() {
			if !announced {
				k.ready <- fmt.Errorf("%s was stopped before it was ready", k.Name)
			}
			return
		}
		if !announced {
			k.ready <- k.failure(err)
			return
		}
		if time.Since(begin) > calm {
			pause = 0
		}
		k.restarts(k.Name, err, pause)
		select {
		case <-time.After(pause):
		case <-k.stop:
			return
		}
		pause = min(max(2*pause, firstPause), maxPause)
	}
}

// once runs the process from its start to its end and tells ready about the
// first READY=1. The error says how it ended.
func (k *keeper) once(notify *net.UnixConn, announced *bool) error {
	log, err := OpenLog(k.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	if k.logged, err = log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	cmd := exec.Command(k.Args[0], k.Args[1:]...)
	cmd.Env = append(append(os.Environ(), k.Env...), "NOTIFY_SOCKET="+k.Notify)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: what is typed at the terminal reaches the supervisor alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	// Before Wait, so that the pid cannot go to another process meanwhile.
	if err := k.started(k.Process, cmd.Process.Pid); err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	if !*announced {
		ready := make(chan error, 1)
		done, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		go func() { ready <- awaitReady(done, notify) }()
		select {
		case err := <-ready:
			if err != nil {
				k.terminate(cmd, exited)
				return err
			}
			*announced = true
			k.ready <- nil
		case err := <-exited:
			cancel()
			<-ready
			return describeExit(err)
		case <-k.stop:
			cancel()
			<-ready
			return k.terminate(cmd, exited)
		}
	}
	select {
	case err := <-exited:
		return describeExit(err)
	case <-k.stop:
		return k.terminate(cmd, exited)
	}
}

// terminate ends the process and waits for that.
func (k *keeper) terminate(cmd *exec.Cmd, exited <-chan error) error {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
	select {
	case err := <-exited:
		return err
	case <-time.After(k.Grace):
	}
	_ = cmd.Process.Kill()
	return <-exited
}

func (k *keeper) stopping() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// failure explains a process that never got ready by the end of its log.
func (k *keeper) failure(err error) error {
	return fmt.Errorf("%s did not start: %w\n%s\nIts log: %s", k.Name, err, indent(tail(k.Log, k.logged, 5)), k.Log)
}

func describeExit(err error) error {
	if err == nil {
		return errors.New("it ended by itself with exit code 0")
	}
	return fmt.Errorf("it ended: %w", err)
}

// listenNotify makes the socket that a process says READY=1 on.
func listenNotify(path string) (*net.UnixConn, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
}

// awaitReady reads messages until one says READY=1 or ctx ends.
func awaitReady(ctx context.Context, conn *net.UnixConn) error {
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	message := make([]byte, 4096)
	for {
		n, err := conn.Read(message)
		if ctx.Err() != nil {
			conn.SetReadDeadline(time.Time{})
			return fmt.Errorf("it was not ready within %s", startWithin)
		}
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(message[:n])) {
			if strings.TrimSpace(line) == "READY=1" {
				return nil
			}
		}
	}
}

// OpenLog opens a log file to append to, making its folder.
func OpenLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// tail returns the last lines of a file after offset from, as many as there are.
func tail(path string, from int64, lines int) string {
	const most = 16 << 10
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	start := max(from, info.Size()-most)
	content := make([]byte, info.Size()-start)
	n, _ := file.ReadAt(content, start)
	all := strings.Split(strings.TrimSpace(string(content[:n])), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
