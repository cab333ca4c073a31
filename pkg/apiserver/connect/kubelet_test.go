package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	restclient "k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/pki"
	"slowmo/pkg/storage"
)

// world is a server in front of a kubelet that plays the part of containers.
type world struct {
	*testing.T
	store   *storage.Store
	kubelet *fakeKubelet
	server  *httptest.Server
}

// fakeKubelet notes what it is asked for. Its container echoes stdin, and ends
// with the code that its command names.
type fakeKubelet struct {
	mu     sync.Mutex
	asked  []string // path?query, who
	answer http.HandlerFunc
}

func (k *fakeKubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who := "nobody"
	if len(r.TLS.PeerCertificates) > 0 {
		who = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	k.mu.Lock()
	k.asked = append(k.asked, r.URL.RequestURI()+" "+who)
	answer := k.answer
	k.mu.Unlock()
	answer(w, r)
}

func (k *fakeKubelet) last() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.asked) == 0 {
		return ""
	}
	return k.asked[len(k.asked)-1]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ca, err := pki.EnsureCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair := func(r pki.Request) tls.Certificate {
		issued, err := ca.Issue(r)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := tls.X509KeyPair(issued.Cert, issued.Key)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	w := &world{T: t, store: storetest.New(t), kubelet: &fakeKubelet{answer: http.NotFound}}
	kubelet := httptest.NewUnstartedServer(w.kubelet)
	kubelet.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair(pki.Server("n1", "127.0.0.1"))},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    ca.Pool(),
	}
	kubelet.StartTLS()
	t.Cleanup(kubelet.Close)
	w.objects(kubelet.Listener.Addr().(*net.TCPAddr).Port)
	w.serve(pair(pki.KubeletClient().Request()), ca.Pool())
	return w
}

func (w *world) objects(port int) {
	w.node("n1", port)
	w.pod("web", "n1", "main")
	w.pod("two", "n1", "a", "b")
	w.pod("waiting", "", "main")
}

func (w *world) node(name string, port int) {
	node := &corev1.Node{}
	node.Name = name
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "unresolvable.invalid"}, {Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	storetest.Put(w, w.store, core.Node, node)
}

func (w *world) pod(name, node string, containers ...string) {
	p := &corev1.Pod{}
	p.Namespace, p.Name, p.Spec.NodeName = "ns", name, node
	for _, c := range containers {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c})
	}
	storetest.Put(w, w.store, core.Pod, p)
}

func (w *world) serve(cert tls.Certificate, kubelets *x509.CertPool) {
	handlers := New(Config{Store: w.store, Authorizer: authz.AlwaysAllow{}, KubeletClient: cert, KubeletCA: kubelets})
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		info := request.Parse(r)
		state := &request.State{Received: time.Now(), Info: info, User: &request.User{Name: "alice"}}
		handlers[info.Resource+"/"+info.Subresource].ServeHTTP(rw, r.WithContext(request.With(r.Context(), state)))
	}))
	w.Cleanup(w.server.Close)
}

func (w *world) config() *restclient.Config {
	return &restclient.Config{Host: w.server.URL}
}

func (w *world) get(path string) (int, string) {
	w.Helper()
	answer, err := http.Get(w.server.URL + path)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// runContainer answers an exec in SPDY.
func runContainer(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
		return
	}
	arrived := make(chan httpstream.Stream, 5)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		arrived <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	streams := map[string]httpstream.Stream{}
	for range countStreams(r) {
		s := <-arrived
		streams[s.Headers().Get("streamType")] = s
	}
	if in := streams["stdin"]; in != nil {
		_, _ = io.Copy(streams["stdout"], in)
	}
	fmt.Fprintf(streams["stdout"], "ran %v", r.URL.Query()["command"])
	status := metav1.Status{Status: metav1.StatusSuccess}
	if code, err := strconv.Atoi(r.URL.Query()["command"][0]); err == nil {
		status = *exitStatus(code)
	}
	_ = json.NewEncoder(streams["error"]).Encode(status)
	for _, s := range streams {
		s.Close()
	}
	<-conn.CloseChan()
}

// countStreams is how many streams a session of these options has.
func countStreams(r *http.Request) int {
	n := 1 // errors
	for _, name := range []string{"input", "output", "error"} {
		if r.URL.Query().Has(name) {
			n++
		}
	}
	return n
}

// forwardPort answers a port-forward in SPDY: the port echoes.
func forwardPort(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return
	}
	arrived := make(chan httpstream.Stream, 2)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		arrived <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	for {
		select {
		case s := <-arrived:
			if s.Headers().Get("streamType") == "error" {
				s.Close()
				continue
			}
			_, _ = io.Copy(s, s)
			s.Close()
		case <-conn.CloseChan():
			return
		}
	}
}

// within is a deadline for what must not hang.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
