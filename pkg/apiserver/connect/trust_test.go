package connect

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/remotecommand"
)

// TestAKubeletCannotRedirect: a request that carries the server's certificate goes
// where the server sent it and nowhere else.
func TestAKubeletCannotRedirect(t *testing.T) {
	w := newWorld(t)
	var elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	w.kubelet.answer = func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/api/v1/namespaces/ns/pods/web/log", "/api/v1/nodes/n1/proxy/pods"} {
		answer, err := client.Get(w.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode < 300 {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
	}
	for name, executor := range executors(w, "command=true&stdout=true") {
		if err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: io.Discard}); err == nil {
			t.Errorf("%s: an exec that was redirected has no error", name)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went where the kubelet said", n)
	}
}

// TestNoUpgradeNoConnection: a kubelet that answers an upgrade with anything but 101
// keeps no connection through the server.
func TestNoUpgradeNoConnection(t *testing.T) {
	w := newWorld(t)
	ended := make(chan struct{})
	w.kubelet.answer = func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done() // the server has closed its side
		close(ended)
	}
	executor := executors(w, "command=true&stdout=true")["SPDY"]
	if err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: io.Discard}); err == nil {
		t.Error("an exec that was not upgraded has no error")
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the kubelet's connection is still open")
	}
}

// TestAddressesAreCheckedAtDial: what proxies to pods and services dial is never
// the server's own host.
func TestAddressesAreCheckedAtDial(t *testing.T) {
	dial := transport(nil, refuseOurs).DialContext
	for _, address := range []string{"127.0.0.1:80", "localhost:80", "[::1]:80", "169.254.169.254:80", "0.0.0.0:80"} {
		conn, err := dial(t.Context(), "tcp", address)
		if err == nil {
			conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), errAddress.Error()) {
			t.Errorf("dialling %s: %v", address, err)
		}
	}
}
