package endpoints

import (
	"context"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"slowmo/pkg/controller/control/controltest"
)

func service(ports ...v1.ServicePort) *v1.Service {
	return &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: map[string]string{"l": "x"}},
		Spec: v1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: ports, ClusterIP: "10.96.0.9", IPFamilies: []v1.IPFamily{v1.IPv4Protocol}}}
}

func port(target any) v1.ServicePort {
	p := v1.ServicePort{Port: 80, Protocol: v1.ProtocolTCP}
	switch target := target.(type) {
	case int:
		p.TargetPort = intstr.FromInt(target)
	case string:
		p.TargetPort = intstr.FromString(target)
	}
	return p
}

func pod(name, ip string, ready bool, change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec:   v1.PodSpec{NodeName: "n", Containers: []v1.Container{{Ports: []v1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: v1.ProtocolTCP}}}}},
		Status: v1.PodStatus{Phase: v1.PodRunning, PodIP: ip, PodIPs: []v1.PodIP{{IP: "fd00::1"}, {IP: ip}}}}
	status := v1.ConditionFalse
	if ready {
		status = v1.ConditionTrue
	}
	p.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: status}}
	for _, f := range change {
		f(p)
	}
	return p
}

// text writes subsets as "ready|not ready:port,port; ...".
func text(subsets []v1.EndpointSubset) string {
	names := func(list []v1.EndpointAddress) string {
		var out []string
		for _, a := range list {
			out = append(out, a.IP)
		}
		return strings.Join(out, " ")
	}
	var out []string
	for _, s := range subsets {
		var ports []string
		for _, p := range s.Ports {
			ports = append(ports, fmt.Sprint(p.Port))
		}
		out = append(out, names(s.Addresses)+"|"+names(s.NotReadyAddresses)+":"+strings.Join(ports, ","))
	}
	return strings.Join(out, "; ")
}

func TestSubsets(t *testing.T) {
	renumbered := func(p *v1.Pod) { p.Spec.Containers[0].Ports[0].ContainerPort = 9090 }
	going := func(p *v1.Pod) { now := metav1.Now(); p.DeletionTimestamp = &now }
	headless := service()
	headless.Spec.ClusterIP = v1.ClusterIPNone
	publishing := service(port(80))
	publishing.Spec.PublishNotReadyAddresses = true
	for _, c := range []struct {
		name    string
		service *v1.Service
		pods    []*v1.Pod
		want    string
	}{
		{"none", service(port(80)), nil, ""},
		{"ready and not, sorted", service(port(80)), []*v1.Pod{pod("b", "10.0.0.1", true), pod("a", "10.0.0.2", true), pod("c", "10.0.0.3", false)}, "10.0.0.1 10.0.0.2|10.0.0.3:80"},
		{"a named port differs", service(port("http")), []*v1.Pod{pod("a", "10.0.0.1", true), pod("b", "10.0.0.2", true, renumbered)}, "10.0.0.1|:8080; 10.0.0.2|:9090"},
		{"a named port is missing", service(port("none")), []*v1.Pod{pod("a", "10.0.0.1", true)}, ""},
		{"headless without ports", headless, []*v1.Pod{pod("a", "10.0.0.1", true)}, "10.0.0.1|:"},
		{"all are published", publishing, []*v1.Pod{pod("a", "10.0.0.1", false), pod("b", "10.0.0.2", true, going)}, "10.0.0.1 10.0.0.2|:80"},
		{"going, ended, without address", service(port(80)), []*v1.Pod{pod("a", "10.0.0.1", true, going), pod("b", "10.0.0.2", true, func(p *v1.Pod) { p.Status.Phase = v1.PodFailed }),
			pod("c", "", true, func(p *v1.Pod) { p.Status.PodIPs = nil })}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			subsets, cut := subsetsOf(c.service, c.pods)
			if got := text(subsets); got != c.want || cut {
				t.Errorf("got %q, cut %v, want %q", got, cut, c.want)
			}
		})
	}
}

func TestSubsetsAreCutAtAThousandReadyOnesFirst(t *testing.T) {
	var pods []*v1.Pod
	for i := range maxAddresses + 5 {
		pods = append(pods, pod(fmt.Sprintf("p%04d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), i >= 10))
	}
	subsets, cut := subsetsOf(service(port(80)), pods)
	if !cut || len(subsets) != 1 || len(subsets[0].Addresses) != 995 || len(subsets[0].NotReadyAddresses) != 5 {
		t.Errorf("cut %v, %d ready, %d not", cut, len(subsets[0].Addresses), len(subsets[0].NotReadyAddresses))
	}
}

func TestSync(t *testing.T) {
	w := controltest.New(service(port(80)))
	c := New(w.Env, 1).(*controller)
	controltest.Cache(t, w.Informers.Core().V1().Services().Informer(), service(port(80)))
	controltest.Cache(t, w.Informers.Core().V1().Pods().Informer(), pod("a", "10.0.0.1", true))
	sync := func(want string) {
		t.Helper()
		if err := c.sync(context.Background(), "ns/web"); err != nil {
			t.Fatal(err)
		}
		if got := w.Writes(); got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
	}
	endpoints := w.Informers.Core().V1().Endpoints().Informer()
	sync("create endpoints ns/web")
	made, err := w.Client.CoreV1().Endpoints("ns").Get(context.Background(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if made.Labels["l"] != "x" || made.Labels[managedBy] != self {
		t.Errorf("labels %v", made.Labels)
	}
	made.ResourceVersion = "1"
	controltest.Cache(t, endpoints, made)
	w.Client.ClearActions()
	sync("")
	controltest.Cache(t, w.Informers.Core().V1().Pods().Informer(), pod("b", "10.0.0.2", true))
	sync("update endpoints ns/web")
	if err := w.Informers.Core().V1().Services().Informer().GetIndexer().Delete(service()); err != nil {
		t.Fatal(err)
	}
	sync("delete endpoints ns/web")
}
