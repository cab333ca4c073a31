package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	clientspdy "k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	streamhttp "k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"slowmo/pkg/apiserver/request"
)

// nobodyMay allows nothing.
type nobodyMay struct{}

func (nobodyMay) Authorize(context.Context, *request.Authorization) (request.Decision, string, error) {
	return request.NoOpinion, "", nil
}

const pods = "/api/v1/namespaces/ns/pods/"

func TestLog(t *testing.T) {
	w := newWorld(t)
	w.kubelet.answer = func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "line\n") }
	code, body := w.get(pods + "web/log?follow=true&tailLines=3&timestamps=true&previous=false")
	if code != 200 || body != "line\n" {
		t.Errorf("%d %q", code, body)
	}
	if want := "/containerLogs/ns/web/main?follow=true&tailLines=3&timestamps=true kube-apiserver-kubelet-client"; w.kubelet.last() != want {
		t.Errorf("asked  %s\nwanted %s", w.kubelet.last(), want)
	}
	w.node("dead", 1)
	w.pod("stranded", "dead", "main")
	if code, body := w.get(pods + "stranded/log"); code != 500 || !strings.Contains(body, `"message":"Get \"https://127.0.0.1:1/containerLogs/ns/stranded/main\": dial tcp 127.0.0.1:1: connect: connection refused"`) {
		t.Errorf("a kubelet that is gone: %d %s", code, body)
	}
	if code, body := w.get(pods + "waiting/log"); code != 204 || body != "" {
		t.Errorf("a pod without node: %d %q", code, body)
	}
	w.kubelet.answer = func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, `container "main" in pod "web" is waiting to start: ContainerCreating`, http.StatusBadRequest)
	}
	if code, body := w.get(pods + "web/log"); code != 400 || !strings.Contains(body, `"message":"container \"main\" in pod \"web\" is waiting to start: ContainerCreating"`) {
		t.Errorf("waiting container: %d %s", code, body)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"gone/log":                             `pods \"gone\" not found`,
		"two/log":                              `a container name must be specified for pod two, choose one of: [a b]`,
		"two/log?container=c":                  `container c is not valid for pod two`,
		"web/log?tailLines=-1":                 `PodLogOptions \"web\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0`,
		"web/log?limitBytes=0":                 `limitBytes: Invalid value: 0: must be greater than 0`,
		"web/log?tailLines=x":                  `strconv.ParseInt: parsing \"x\": invalid syntax`,
		"web/log?sinceSeconds=1&sinceTime=now": `parsing time \"now\" as`,
		"web/exec?command=ls&stdout=true":      `Upgrade request required`,
		"waiting/exec?command=ls&stdout=true":  `pod waiting does not have a host assigned`,
		"web/log?stream=Stdout":                `stream: Forbidden: may not be specified`,
		"web:x/proxy/":                         `address not allowed`,
		"web/proxy/":                           `address not allowed`,
	} {
		code, body := w.get(pods + path)
		if code < 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s\nwant %s", path, code, body, want)
		}
	}
}

// executors are the ways in which clients run commands.
func executors(w *world, query string) map[string]remotecommand.Executor {
	w.Helper()
	u, err := url.Parse(w.server.URL + pods + "web/exec?" + query)
	if err != nil {
		w.Fatal(err)
	}
	old, err := remotecommand.NewSPDYExecutor(w.config(), http.MethodPost, u)
	if err != nil {
		w.Fatal(err)
	}
	current, err := remotecommand.NewWebSocketExecutor(w.config(), http.MethodGet, u.String())
	if err != nil {
		w.Fatal(err)
	}
	return map[string]remotecommand.Executor{"SPDY": old, "websocket": current}
}

func TestExec(t *testing.T) {
	w := newWorld(t)
	w.kubelet.answer = runContainer
	for name, executor := range executors(w, "command=cat&command=-v&stdin=true&stdout=true&stderr=true") {
		var out, failed bytes.Buffer
		err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdin: strings.NewReader("hello "), Stdout: &out, Stderr: &failed})
		if err != nil || out.String() != "hello ran [cat -v]" {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
		if want := "/exec/ns/web/main?command=cat&command=-v&error=1&input=1&output=1 kube-apiserver-kubelet-client"; w.kubelet.last() != want {
			t.Errorf("%s: asked %s, want %s", name, w.kubelet.last(), want)
		}
	}
}

func TestExecEndsWhenTheClientGoes(t *testing.T) {
	w := newWorld(t)
	began, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	w.kubelet.answer = func(rw http.ResponseWriter, r *http.Request) {
		if _, err := streamhttp.Handshake(r, rw, []string{"v4.channel.k8s.io"}); err != nil {
			return
		}
		conn := spdy.NewResponseUpgrader().UpgradeResponse(rw, r, func(streamhttp.Stream, <-chan struct{}) error { return nil })
		began <- struct{}{}
		<-conn.CloseChan()
		ended <- struct{}{}
	}
	for name, executor := range executors(w, "command=sleep&stdout=true") {
		ctx, leave := context.WithCancel(within(t))
		go func() { <-began; leave() }()
		if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &bytes.Buffer{}}); err == nil {
			t.Errorf("%s: a session that was left ended well", name)
		}
		select {
		case <-ended:
		case <-within(t).Done():
			t.Errorf("%s: the kubelet's connection outlived the client's", name)
		}
	}
}

func TestExecPassesTheExitCode(t *testing.T) {
	w := newWorld(t)
	w.kubelet.answer = runContainer
	for name, executor := range executors(w, "command=7&stdout=true") {
		err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: &bytes.Buffer{}})
		var code exec.CodeExitError
		if !errors.As(err, &code) || code.Code != 7 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExecPassesTheKubeletsError(t *testing.T) {
	w := newWorld(t)
	w.kubelet.answer = func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "container not found", 404) }
	for name, executor := range executors(w, "command=ls&stdout=true") {
		err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: &bytes.Buffer{}})
		if err == nil || !strings.Contains(err.Error(), "container not found") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebsocketExecNeedsCreate(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	info := &request.Info{IsResource: true, Verb: "get", Resource: "pods", Subresource: "exec", Namespace: "ns", Name: "web"}
	r = r.WithContext(request.With(r.Context(), &request.State{Info: info, User: &request.User{Name: "alice"}}))
	k := &connectors{Config: Config{Store: w.store, Authorizer: nobodyMay{}}}
	if err := k.mayCreate(r); err == nil || !strings.Contains(err.Error(), `User "alice" cannot create resource "pods/exec"`) {
		t.Errorf("a reader may exec: %v", err)
	}
}

func TestPortForward(t *testing.T) {
	w := newWorld(t)
	w.kubelet.answer = forwardPort
	u, err := url.Parse(w.server.URL + pods + "web/portforward")
	if err != nil {
		t.Fatal(err)
	}
	transport, upgrader, err := clientspdy.RoundTripperFor(w.config())
	if err != nil {
		t.Fatal(err)
	}
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(u, w.config())
	if err != nil {
		t.Fatal(err)
	}
	for name, dialer := range map[string]streamhttp.Dialer{
		"SPDY":      clientspdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, u),
		"websocket": websocket,
	} {
		t.Run(name, func(t *testing.T) { echo(t, dialer) })
	}
}

// echo sends through a forwarded port and wants it back.
func echo(t *testing.T, dialer streamhttp.Dialer) {
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewForStreaming(dialer, []string{"0:80"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- forwarder.ForwardPorts() }()
	defer func() { close(stop); <-done }()
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatal(err)
	case <-within(t).Done():
		t.Fatal("not ready in time")
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0].Local))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(conn)
	if err != nil || string(back) != "hello" {
		t.Errorf("%q came back, %v", back, err)
	}
}

func TestNodeProxy(t *testing.T) {
	w := newWorld(t)
	w.kubelet.answer = func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "at "+r.URL.Path) }
	code, body := w.get("/api/v1/nodes/n1/proxy/metrics/resource?x=1")
	if code != 200 || body != "at /metrics/resource" || w.kubelet.last() != "/metrics/resource?x=1 kube-apiserver-kubelet-client" {
		t.Errorf("%d %s, asked %s", code, body, w.kubelet.last())
	}
}
