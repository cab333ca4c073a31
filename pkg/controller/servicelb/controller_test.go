package servicelb

import (
	"context"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

func node(name string, ready v1.ConditionStatus, ips ...v1.NodeAddress) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}},
		Status: v1.NodeStatus{Addresses: ips, Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: ready}}}}
}

func internal(ip string) v1.NodeAddress { return v1.NodeAddress{Type: v1.NodeInternalIP, Address: ip} }
func external(ip string) v1.NodeAddress { return v1.NodeAddress{Type: v1.NodeExternalIP, Address: ip} }

func TestSync(t *testing.T) {
	excluded := node("x", v1.ConditionTrue, internal("10.0.0.9"))
	excluded.Labels[v1.LabelNodeExcludeBalancers] = ""
	nodes := []*v1.Node{
		node("a", v1.ConditionTrue, internal("10.0.0.2"), internal("fd00::2")),
		node("b", v1.ConditionTrue, internal("10.0.0.1"), external("192.0.2.1")),
		node("c", v1.ConditionUnknown, internal("10.0.0.3")), excluded,
	}
	class := "example.com/other"
	for _, c := range []struct {
		name    string
		kind    v1.ServiceType
		class   *string
		ingress []v1.LoadBalancerIngress // as it is
		want    string
	}{
		{"new", v1.ServiceTypeLoadBalancer, nil, nil,
			`patch services/status ns/web {"metadata":{"uid":"u"},"status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.2","ipMode":"VIP"},{"ip":"192.0.2.1","ipMode":"VIP"}]}}}`},
		{"another's", v1.ServiceTypeLoadBalancer, &class, []v1.LoadBalancerIngress{{IP: "1.2.3.4"}}, ""},
		{"no longer", v1.ServiceTypeClusterIP, nil, []v1.LoadBalancerIngress{{IP: "1.2.3.4"}},
			`patch services/status ns/web {"metadata":{"uid":"u"},"status":{"loadBalancer":{"ingress":null}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "u"},
				Spec:   v1.ServiceSpec{Type: c.kind, LoadBalancerClass: c.class, IPFamilies: []v1.IPFamily{v1.IPv4Protocol}},
				Status: v1.ServiceStatus{LoadBalancer: v1.LoadBalancerStatus{Ingress: c.ingress}}}
			w := controltest.New(service)
			lb := New(w.Env).(*controller)
			controltest.Cache(t, w.Informers.Core().V1().Services().Informer(), service)
			controltest.Cache(t, w.Informers.Core().V1().Nodes().Informer(), nodes...)
			if err := lb.sync(context.Background(), "ns/web"); err != nil {
				t.Fatal(err)
			}
			if got := w.Writes(); got != c.want {
				t.Errorf("wrote\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
