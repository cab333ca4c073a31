package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// follow writes what is there and what is added, over rotations, until the
// container has ended and all is written.
func (r *reader) follow(ctx context.Context, flush func(), ended <-chan struct{}) error {
	changes, err := watchDir(filepath.Dir(r.path))
	if err != nil {
		return err
	}
	defer changes.close()
	for {
		final := isClosed(ended) // looked at before reading: then all is there
		if err := r.drain(false); err != nil {
			return err
		}
		reopened, err := r.reopen()
		switch {
		case err != nil:
			return err
		case reopened:
			continue
		case final:
			return r.drain(true)
		}
		if flush != nil {
			flush()
		}
		select {
		case <-ctx.Done():
			return nil // the reader went away
		case <-ended:
		case _, ok := <-changes.wake:
			if !ok {
				return fmt.Errorf("watching %s ended", r.path)
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// reopen goes on to the new file if the log was rotated. The old one has been
// read to its end, and is read once more after the new one is known to be there,
// since the runtime wrote to it until it reopened.
func (r *reader) reopen() (bool, error) {
	now, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // between the rename and the runtime's reopening, or removed
	}
	if err != nil {
		return false, err
	}
	have, err := r.file.Stat()
	if err != nil || os.SameFile(now, have) {
		return false, err
	}
	if err := r.drain(true); err != nil {
		return false, err
	}
	f, err := os.Open(r.path)
	if err != nil {
		return false, err
	}
	r.file.Close()
	r.file, r.buffer = f, bufio.NewReader(f)
	return true, nil
}

// dirWatch tells when something in a directory was written or appeared.
type dirWatch struct {
	file *os.File
	wake chan struct{} // capacity 1; closed when the watch ends
}

// watchDir begins to watch; close ends it.
func watchDir(dir string) (*dirWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	// Non-blocking, it is served by Go's poller: Close ends a Read under way.
	w := &dirWatch{file: os.NewFile(uintptr(fd), "inotify"), wake: make(chan struct{}, 1)}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
		w.file.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	go w.run() // ends when close is called, which waits for it
	return w, nil
}

func (w *dirWatch) run() {
	defer close(w.wake)
	buffer := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for {
		if _, err := w.file.Read(buffer); err != nil {
			return
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *dirWatch) close() {
	w.file.Close()
	for range w.wake { // until run has returned
	}
}
