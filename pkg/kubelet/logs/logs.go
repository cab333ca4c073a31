// Package logs reads and rotates the logs of containers.
//
// A log is a file of lines in CRI's format, written by the runtime:
//
//	2026-11-24T10:00:00.123456789Z stdout F a whole line
//	2026-11-24T10:00:00.123456789Z stdout P the beginning of a long one
//
// Read streams one as kubectl logs wants it and, with Follow, waits for more by
// inotify until the container has ended. Rotator keeps each below a size.
// https://kubernetes.io/docs/concepts/cluster-administration/logging/
package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Options are those of v1.PodLogOptions that concern the text.
type Options struct {
	Follow     bool
	Timestamps bool
	Since      time.Time // zero: all
	Tail       int64     // lines; negative: all
	Limit      int64     // bytes; negative: all
	Stream     string    // "stdout", "stderr"; empty: both
}

// errLimit ends a read that has written as much as it may.
var errLimit = errors.New("limit reached")

// Read writes the log at path to w. With Follow it returns when ended is closed
// and all is written, or ctx ends. flush, if not nil, is called when there is
// nothing more for now.
func Read(ctx context.Context, w io.Writer, flush func(), path string, o Options, ended <-chan struct{}) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("failed to open log file %q: %w", path, err)
	}
	r := &reader{w: w, o: o, path: path, file: f, left: o.Limit}
	defer func() { r.file.Close() }()
	start, err := tailOffset(f, o.Tail)
	if err != nil {
		return err
	}
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return err
	}
	r.buffer = bufio.NewReader(f)
	if o.Follow {
		err = r.follow(ctx, flush, ended)
	} else {
		err = r.drain(true)
	}
	if errors.Is(err, errLimit) {
		return nil
	}
	return err
}

// reader is the state of one Read.
type reader struct {
	w       io.Writer
	o       Options
	path    string
	file    *os.File
	buffer  *bufio.Reader
	partial []byte // a line whose end is not written yet
	left    int64  // bytes that may still be written; negative: any number
}

// drain writes all lines that are there. A last line without its end is written
// only if it is final.
func (r *reader) drain(final bool) error {
	for {
		piece, err := r.buffer.ReadBytes('\n')
		r.partial = append(r.partial, piece...)
		if err == nil || final && err == io.EOF && len(r.partial) > 0 {
			line := r.partial
			r.partial = nil
			if err := r.write(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
	}
}

// write writes one line of the file if the options want it.
func (r *reader) write(raw []byte) error {
	l, err := parse(raw)
	if err != nil {
		return nil // not the runtime's: a file cut short by a crash
	}
	if r.o.Stream != "" && l.stream != r.o.Stream || l.time.Before(r.o.Since) {
		return nil
	}
	text := l.text
	if r.o.Timestamps {
		text = append([]byte(l.stamp+" "), text...)
	}
	if !l.partial {
		text = append(text, '\n')
	}
	if r.left >= 0 && int64(len(text)) >= r.left {
		text = text[:r.left]
	}
	if _, err := r.w.Write(text); err != nil {
		return err
	}
	if r.left >= 0 {
		if r.left -= int64(len(text)); r.left == 0 {
			return errLimit
		}
	}
	return nil
}

// line is one entry of a log.
type line struct {
	time    time.Time
	stamp   string
	stream  string
	partial bool
	text    []byte
}

func parse(raw []byte) (line, error) {
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	parts := bytes.SplitN(raw, []byte(" "), 4)
	if len(parts) < 4 {
		return line{}, fmt.Errorf("not a line of a container's log: %q", raw)
	}
	at, err := time.Parse(time.RFC3339Nano, string(parts[0]))
	if err != nil {
		return line{}, err
	}
	tag, _, _ := strings.Cut(string(parts[2]), ":")
	return line{time: at, stamp: string(parts[0]), stream: string(parts[1]), partial: tag == "P", text: parts[3]}, nil
}

// tailBlock is how much is read at a time, from the end.
const tailBlock = 4096

// tailOffset is where the last n lines begin; 0 for a negative n.
func tailOffset(f io.ReadSeeker, n int64) (int64, error) {
	if n < 0 {
		return 0, nil
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || n == 0 {
		return end, err
	}
	block := make([]byte, tailBlock)
	seen := int64(0)
	for right := end; right > 0; {
		left := max(0, right-tailBlock)
		if _, err := f.Seek(left, io.SeekStart); err != nil {
			return 0, err
		}
		part := block[:right-left]
		if _, err := io.ReadFull(f, part); err != nil {
			return 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			// The newline that ends the file ends the last line, it begins none.
			if part[i] != '\n' || left+int64(i) == end-1 {
				continue
			}
			if seen++; seen == n {
				return left + int64(i) + 1, nil
			}
		}
		right = left
	}
	return 0, nil
}

// Tail is the end of a log as text: at most that many lines and bytes.
func Tail(path string, lines, size int) (string, error) {
	var b bytes.Buffer
	err := Read(context.Background(), &b, nil, path, Options{Tail: int64(lines), Limit: -1}, nil)
	if err != nil {
		return "", err
	}
	text := b.Bytes()
	return string(text[max(0, len(text)-size):]), nil
}
