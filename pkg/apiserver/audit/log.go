package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"gopkg.in/natefinch/lumberjack.v2"
)

// Config says where events go, and which.
type Config struct {
	Path   string  // a file, or "-" for standard output
	Policy *Policy // nil: all requests, without bodies

	// When a new file is begun, and which old ones are kept: megabytes, files,
	// days. Zero is no limit, but for the size: that of 100.
	MaxSize, MaxBackups, MaxAge int
}

// Log is an audit log. It is safe for concurrent use; lines are never mixed.
type Log struct {
	policy *Policy
	mu     sync.Mutex
	out    io.WriteCloser
	failed bool // the last write failed; said once, not for each request
}

// Open makes a log that appends to the file at path, in mode 0600.
func Open(c Config) (*Log, error) {
	l := &Log{policy: c.Policy, out: os.Stdout}
	if l.policy == nil {
		l.policy = everything
	}
	if c.Path == "-" {
		return l, nil
	}
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return nil, fmt.Errorf("--audit-log-path: %w", err)
	}
	// The file is opened with the first event: what is wrong with it is said now.
	file, err := os.OpenFile(c.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--audit-log-path: %w", err)
	}
	l.out = &lumberjack.Logger{Filename: c.Path, MaxSize: c.MaxSize, MaxBackups: c.MaxBackups, MaxAge: c.MaxAge}
	return l, file.Close()
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Close()
}

func (l *Log) write(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		slog.Error("audit event cannot be encoded", "error", err)
		return
	}
	l.mu.Lock()
	_, err = l.out.Write(append(line, '\n'))
	first := err != nil && !l.failed
	l.failed = err != nil
	l.mu.Unlock()
	if first {
		slog.Error("audit log cannot be written", "error", err)
	}
}
