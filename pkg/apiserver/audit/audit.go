// Package audit writes down who asked the server for what and how it answered,
// a line of JSON each, in the form audit.k8s.io/v1.
//
//	log, err := audit.Open(audit.Config{Path: path, Policy: policy})
//	handler := log.Audit(next)   // a step of the chain, behind authentication
//	...
//	err = log.Close()            // after the last request
//
// A Policy says of which requests how much is written, and at which stages: when
// one comes, when a long-running one begins to be answered, when it is over or
// has panicked. Without a policy all are written when they are over, without
// bodies. An event carries the annotations that other steps gathered, so it says
// why a request was allowed and what caused it.
//
// Bodies are written as JSON, whatever they were sent in: who decodes or encodes
// them notes them in the request's State, if the policy wants them.
//
// https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
package audit

import (
	"bufio"
	"fmt"
	"net"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/apiserver/request"
)

// Header is the response header that names the request's event.
const Header = "Audit-ID"

// Audit serves next and writes the request's events. It needs the State of
// package request in the context, with its user.
func (l *Log) Audit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := request.From(r.Context())
		w.Header().Set(Header, state.AuditID)
		decision := l.policy.decide(state.User, state.Info)
		if decision.level == LevelNone {
			next.ServeHTTP(w, r)
			return
		}
		resource := state.Info.IsResource
		state.Note = &request.Note{
			WantRequest:  resource && decision.level.atLeast(LevelRequest),
			WantResponse: resource && decision.level.atLeast(LevelRequestResponse),
		}
		e := &entry{log: l, decision: decision, state: state, event: newEvent(r, state)}
		e.Level = decision.level
		e.serve(next, w, r)
	})
}

// entry is one request that is written down.
type entry struct {
	event
	log      *Log
	decision decision
	state    *request.State
	code     int // of the answer; 0 before there is one
}

func (e *entry) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	e.write(RequestReceived)
	defer func() {
		if problem := recover(); problem != nil {
			e.ResponseStatus = &metav1.Status{Code: http.StatusInternalServerError, Status: metav1.StatusFailure,
				Reason: metav1.StatusReasonInternalError, Message: fmt.Sprintf("APIServer panic'd: %v", problem)}
			e.write(Panic)
			panic(problem)
		}
	}()
	next.ServeHTTP(&answer{ResponseWriter: w, entry: e}, r)
	if e.code == 0 {
		e.answered(http.StatusOK)
	}
	e.complete()
	e.write(ResponseComplete)
}

// answered is called when the answer begins.
func (e *entry) answered(code int) {
	e.code = code
	e.ResponseStatus = &metav1.Status{Code: int32(code)}
	if e.state.Info.LongRunning() {
		e.write(ResponseStarted)
	}
}

// complete fills in what is known when the request is over.
func (e *entry) complete() {
	note := e.state.Note
	if sent := note.Status; sent != nil && (sent.Code == 0 || int(sent.Code) == e.code) {
		e.ResponseStatus.Status, e.ResponseStatus.Reason = sent.Status, sent.Reason
		e.ResponseStatus.Message, e.ResponseStatus.Details = sent.Message, sent.Details
	}
	if ref := e.ObjectRef; ref != nil && note.Object != nil {
		if ref.Name == "" {
			ref.Name = note.Object.GetName()
		}
		if ref.Namespace == "" {
			ref.Namespace = note.Object.GetNamespace()
		}
		ref.UID, ref.ResourceVersion = note.Object.GetUID(), note.Object.GetResourceVersion()
	}
	e.RequestObject, e.ResponseObject = note.Request, note.Response
	if e.decision.omitManaged {
		e.RequestObject, e.ResponseObject = withoutManaged(note.Request), withoutManaged(note.Response)
	}
}

func (e *entry) write(stage Stage) {
	if !e.decision.writes(stage) {
		return
	}
	e.Stage, e.StageTimestamp = stage, metav1.NowMicro()
	e.Annotations = e.state.Annotations()
	if e.state.User != e.real {
		actual := e.state.User.Info()
		e.ImpersonatedUser = &actual
	}
	e.log.write(e.event)
}

// answer notes when a request is answered, and how.
type answer struct {
	http.ResponseWriter
	entry *entry
}

func (a *answer) WriteHeader(code int) {
	if a.entry.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		a.entry.answered(code)
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(data []byte) (int, error) {
	if a.entry.code == 0 {
		a.entry.answered(http.StatusOK)
	}
	return a.ResponseWriter.Write(data)
}

// Flush, Hijack and Unwrap keep what the connection can do in reach.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Hijack hands the connection over, which is how an upgraded one is served.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if a.entry.code == 0 {
		a.entry.answered(http.StatusSwitchingProtocols)
	}
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// Unwrap returns the writer below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
