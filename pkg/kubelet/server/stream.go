package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/proxy"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// streams are which ends of a process a client wants to be connected to.
type streams struct{ stdin, stdout, stderr, tty bool }

// parseStreams reads the query in the kubelet's spelling (input, output, error)
// or the API server's (stdin, stdout, stderr).
func parseStreams(q url.Values) (streams, error) {
	on := func(names ...string) bool {
		for _, n := range names {
			if v := q.Get(n); v == "1" || v == "true" {
				return true
			}
		}
		return false
	}
	s := streams{on("input", "stdin"), on("output", "stdout"), on("error", "stderr"), on("tty")}
	if s.tty {
		s.stderr = false // a terminal has one output
	}
	if !s.stdin && !s.stdout && !s.stderr {
		return s, fmt.Errorf("you must specify at least one of stdin, stdout, stderr")
	}
	return s, nil
}

func (s *Server) exec(w http.ResponseWriter, r *http.Request) {
	want, err := parseStreams(r.URL.Query())
	command := r.URL.Query()["command"]
	if err == nil && len(command) == 0 {
		err = fmt.Errorf("you must specify a command")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c := s.container(w, r)
	if c == nil {
		return
	}
	answer, err := s.Runtime.Exec(r.Context(), &runtimeapi.ExecRequest{
		ContainerId: c.Id, Cmd: command, Tty: want.tty, Stdin: want.stdin, Stdout: want.stdout, Stderr: want.stderr,
	})
	connect(w, r, answer.GetUrl(), err)
}

func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	want, err := parseStreams(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c := s.container(w, r)
	if c == nil {
		return
	}
	answer, err := s.Runtime.Attach(r.Context(), &runtimeapi.AttachRequest{
		ContainerId: c.Id, Tty: want.tty, Stdin: want.stdin, Stdout: want.stdout, Stderr: want.stderr,
	})
	connect(w, r, answer.GetUrl(), err)
}

// connect joins a client to the runtime's stream.
func connect(w http.ResponseWriter, r *http.Request, location string, err error) {
	code := http.StatusInternalServerError
	if cri.IsNotFound(err) {
		code = http.StatusNotFound
	}
	target, parseErr := url.Parse(location)
	if err == nil {
		err = parseErr
	}
	if err != nil {
		http.Error(w, err.Error(), code)
		return
	}
	proxy.NewUpgradeAwareHandler(target, nil, false, true, responder{}).ServeHTTP(w, r)
}

func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	pod := s.find(w, r)
	if pod == nil {
		return
	}
	runtime, err := cri.ReadPod(r.Context(), s.Runtime, pod.UID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sandbox := runtime.Ready()
	if sandbox == nil {
		http.Error(w, fmt.Sprintf("pod not found (%q)", pod.Name), http.StatusNotFound)
		return
	}
	answer, err := s.Runtime.PortForward(r.Context(), &runtimeapi.PortForwardRequest{PodSandboxId: sandbox.Id})
	connect(w, r, answer.GetUrl(), err)
}

type responder struct{}

// Error answers for a proxy that could not connect, or a client that did not ask
// to be.
func (responder) Error(w http.ResponseWriter, _ *http.Request, err error) {
	code := http.StatusInternalServerError
	if apierrors.IsBadRequest(err) {
		code = http.StatusBadRequest
	}
	http.Error(w, err.Error(), code)
}

// runCommand runs a command to its end and answers with its output.
func (s *Server) runCommand(w http.ResponseWriter, r *http.Request) {
	c := s.container(w, r)
	if c == nil {
		return
	}
	answer, err := s.Runtime.ExecSync(r.Context(), &runtimeapi.ExecSyncRequest{ContainerId: c.Id, Cmd: r.URL.Query()["cmd"]})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, string(answer.Stdout)+string(answer.Stderr))
}
