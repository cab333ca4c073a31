package proxy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/knftables"
)

// newTestProxy is a proxy on a fake API and fake tables.
func newTestProxy(objects ...runtime.Object) (*Proxy, *fake.Clientset, *knftables.Fake) {
	client, nft := fake.NewClientset(objects...), knftables.NewFake(knftables.IPv4Family, TableName)
	config := NewConfig()
	config.NodeName = "node1"
	p := &Proxy{
		config:  config,
		client:  client,
		metrics: newMetrics(),
		forward: &forward{},
		settled: func() error { return nil },
		changed: make(chan struct{}, 1),
		state:   newState([]*table{newTable(testSettings(), nft)}),
	}
	return p, client, nft
}

// follow runs the proxy's watches and loop, without touching this machine's kernel, until the test ends.
func follow(t *testing.T, p *Proxy) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.follow(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// eventually waits for the table to hold, or not to hold, a text.
func eventually(t *testing.T, p *Proxy, nft *knftables.Fake, text string, there bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for p.Health(t.Context()) != nil || strings.Contains(nft.Dump(), text) != there {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q is there: want %v in\n%s", text, there, nft.Dump())
		}
	}
}

func testService() *v1.Service {
	return &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: v1.ServiceSpec{ClusterIP: "10.96.0.10", Ports: []v1.ServicePort{{Port: 80}}}}
}

func testSlice(addresses ...string) *discoveryv1.EndpointSlice {
	name, port := "", int32(8080)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
	for _, a := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return slice
}

func TestChangesReachTheTable(t *testing.T) {
	p, client, nft := newTestProxy(testService(), testSlice("10.244.0.5"))
	if p.Health(t.Context()) == nil {
		t.Error("healthy before the first rules")
	}
	follow(t, p)
	eventually(t, p, nft, "0 : 10.244.0.5 . 8080", true)
	slices := client.DiscoveryV1().EndpointSlices("default")
	if _, err := slices.Update(t.Context(), testSlice("10.244.0.5", "10.244.0.6"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, p, nft, "1 : 10.244.0.6 . 8080", true)
	if err := client.CoreV1().Services("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, p, nft, "default/web", false)
}

func TestHostPortsNeedTheRightToWatchPods(t *testing.T) {
	p, client, nft := newTestProxy(testService(), testSlice("10.244.0.5"))
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(v1.Resource("pods"), "", nil)
	})
	follow(t, p)
	eventually(t, p, nft, "0 : 10.244.0.5 . 8080", true)
}

func TestHealthz(t *testing.T) {
	p, _, _ := newTestProxy()
	get := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		p.healthHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		return w
	}
	if w := get(); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first rules: %d %s", w.Code, w.Body)
	}
	p.lastSync.Store(time.Now().UnixNano())
	if w := get(); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "lastUpdated") {
		t.Errorf("with rules: %d %s", w.Code, w.Body)
	}
	p.pendingSince.Store(time.Now().Add(-2 * stale).UnixNano())
	if w := get(); w.Code != http.StatusServiceUnavailable {
		t.Errorf("with a change that waits: %d %s", w.Code, w.Body)
	}
}
