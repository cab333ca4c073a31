// Package audit writes down who asked the server for what and how it answered,
// a line of JSON each, in the form audit.k8s.io/v1.
//
//	log, err := audit.Open(path)
//	handler := log.Audit(next)   // a step of the chain, behind authentication
//	...
//	err = log.Close()            // after the last request
//
// One event is written for each request when it is over, at level Metadata:
// who, what, how it ended, no bodies. Long-running requests are written when
// they begin as well. The event carries the annotations that other steps
// gathered, so an event says why a request was allowed and what caused it.
//
// https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/apiserver/request"
)

// Header is the response header that names the request's event.
const Header = "Audit-ID"

// Log is an audit log. It is safe for concurrent use; lines are never mixed.
type Log struct {
	mu     sync.Mutex
	out    io.WriteCloser
	failed bool // the last write failed; said once, not for each request
}

// Open appends to the file at path, in mode 0600, or writes to standard output
// if path is "-".
func Open(path string) (*Log, error) {
	if path == "-" {
		return &Log{out: os.Stdout}, nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--audit-log-path: %w", err)
	}
	return &Log{out: file}, nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Close()
}

// Audit serves next and writes the request's event. It needs the State of
// package request in the context, with its user.
func (l *Log) Audit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		event := newEvent(r, state)
		w.Header().Set(Header, state.AuditID)
		answer := &answer{ResponseWriter: w}
		if state.Info.Verb == "watch" {
			answer.started = func() { l.write(event, "ResponseStarted", answer, state) }
		}
		stage := "Panic"
		defer func() { l.write(event, stage, answer, state) }()
		next.ServeHTTP(answer, r)
		stage = "ResponseComplete"
	})
}

// write completes the event with what is known by now.
func (l *Log) write(e event, stage string, a *answer, state *request.State) {
	e.Stage = stage
	e.StageTimestamp = metav1.NowMicro()
	e.Annotations = state.Annotations()
	e.ResponseStatus = a.status(stage == "Panic")
	if actual := userInfo(state.User); state.User != e.real {
		e.ImpersonatedUser = &actual
	}
	line, err := json.Marshal(e)
	if err == nil {
		l.mu.Lock()
		_, err = l.out.Write(append(line, '\n'))
		first := err != nil && !l.failed
		l.failed = err != nil
		l.mu.Unlock()
		if first {
			slog.Error("audit log cannot be written", "error", err)
		}
		return
	}
	slog.Error("audit event cannot be encoded", "error", err)
}

// answer notes how a request was answered.
type answer struct {
	http.ResponseWriter
	code    int
	problem []byte // the beginning of the body of an error
	started func() // called once the header is out; may be nil
}

// maxProblem bounds what is kept of an error's body.
const maxProblem = 8 << 10

func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= 200 || code == http.StatusSwitchingProtocols {
		a.code = code
		if a.started != nil {
			a.started()
		}
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(data []byte) (int, error) {
	if a.code == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.code >= 400 && len(a.problem) < maxProblem {
		a.problem = append(a.problem, data[:min(len(data), maxProblem-len(a.problem))]...)
	}
	return a.ResponseWriter.Write(data)
}

// Flush, Hijack and Unwrap keep what the connection can do in reach.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Hijack hands the connection over, which is how an upgraded one is served.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.code = http.StatusSwitchingProtocols
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// Unwrap returns the writer below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// status is what the event says of the answer: its code and, if it was an
// error's Status, the reason.
func (a *answer) status(panicked bool) *metav1.Status {
	status := &metav1.Status{Code: int32(a.code)}
	if panicked {
		status.Code = http.StatusInternalServerError
	}
	if a.code == 0 && !panicked {
		status.Code = http.StatusOK
	}
	var sent metav1.Status
	if len(a.problem) > 0 && json.Unmarshal(a.problem, &sent) == nil && sent.Kind == "Status" {
		status.Status, status.Reason, status.Message, status.Details = sent.Status, sent.Reason, sent.Message, sent.Details
	}
	return status
}
