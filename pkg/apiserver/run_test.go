package apiserver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"slowmo/pkg/etcd"
)

// A server on an etcd outside finds what another left there, and a third one
// beside it sees the same.
func TestOutsideEtcd(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	config := etcd.NewConfig(t.TempDir())
	config.Listen = fmt.Sprintf("http://127.0.0.1:%d", port)
	member, err := etcd.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	first := start(t, config.Listen)
	first.must(t, "POST", "/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"left"}}`, 201)
	if err := first.stop(); err != nil {
		t.Errorf("the first server ended with %v", err)
	}
	second, third := start(t, config.Listen), start(t, config.Listen)
	second.must(t, "GET", "/api/v1/namespaces/default/configmaps/left", "", 200)
	second.must(t, "DELETE", "/api/v1/namespaces/default/configmaps/left", "", 200)
	third.must(t, "GET", "/api/v1/namespaces/default/configmaps/left", "", 404)
	if err := errors.Join(second.stop(), third.stop()); err != nil {
		t.Error(err)
	}
}

func start(t *testing.T, etcdServer string) *started {
	t.Helper()
	o, err := testOptions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.EtcdServers = []string{etcdServer}
	s, err := launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// must sends a request as admin, which has to be answered with the code want.
func (s *started) must(t *testing.T, method, path, body string, want int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer admin-token")
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d", method, path, resp.StatusCode, want)
	}
}

func TestRuntimeConfig(t *testing.T) {
	o := NewOptions()
	o.RuntimeConfig = map[string]string{"apps/v1": "false", "events.k8s.io/v1": "false", "autoscaling/v2": "false"}
	d := newDiscovery(o.served(o.stored()), "")
	for version, want := range map[string]bool{"apps/v1": false, "events.k8s.io/v1": false, "v1": true,
		"autoscaling/v2": false, "autoscaling/v1": true, "apiextensions.k8s.io/v1beta1": false} {
		group, v, ok := strings.Cut(version, "/")
		if !ok {
			group, v = "", version
		}
		if d.serves(group, v) != want {
			t.Errorf("%s is served: %t", version, !want)
		}
	}
}

// A kind that is stored in a version which is off is served in the other, from
// the same store.
func TestStoredVersionOff(t *testing.T) {
	o, err := testOptions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.RuntimeConfig = map[string]string{"autoscaling/v2": "false"}
	s, err := launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	one := "/namespaces/default/horizontalpodautoscalers"
	s.must(t, "POST", "/apis/autoscaling/v1"+one, `{"metadata":{"name":"a"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}`, 201)
	s.must(t, "PUT", "/apis/autoscaling/v1"+one+"/a", `{"metadata":{"name":"a"},"spec":{"maxReplicas":4,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}`, 200)
	s.must(t, "GET", "/apis/autoscaling/v1"+one+"/a", "", 200)
	s.must(t, "GET", "/apis/autoscaling/v2"+one+"/a", "", 404)
	s.must(t, "GET", "/apis/autoscaling/v2", "", 404)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// Names of plugins are checked before anything is opened.
func TestAdmissionFlags(t *testing.T) {
	for want, set := range map[string]func(*Options){
		`--disable-admission-plugins plugin "Nonsense" is unknown`:        func(o *Options) { o.DisableAdmission = []string{"Nonsense"} },
		`--enable-admission-plugins plugin "AlwaysDeny" is not supported`: func(o *Options) { o.EnableAdmission = []string{"AlwaysDeny"} },
	} {
		o := NewOptions()
		set(o)
		if err := o.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
