package endpointslice

import (
	"context"
	"testing"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	typed "k8s.io/client-go/kubernetes/typed/discovery/v1"

	"slowmo/pkg/controller/control/controltest"
)

func TestAServiceGetsASliceOfItsPods(t *testing.T) {
	service := &v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "u", Labels: map[string]string{"l": "x"}},
		Spec: v1.ServiceSpec{Selector: map[string]string{"app": "web"}, ClusterIP: "10.96.0.9", IPFamilies: []v1.IPFamily{v1.IPv4Protocol},
			Ports: []v1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: v1.ProtocolTCP}}}}
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", Labels: map[string]string{"app": "web"}}, Spec: v1.PodSpec{NodeName: "n"},
		Status: v1.PodStatus{Phase: v1.PodRunning, PodIP: "10.244.0.2", PodIPs: []v1.PodIP{{IP: "10.244.0.2"}},
			Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}}}
	w := controltest.New()
	c := New(w.Env, 1).(*controller)
	core := w.Informers.Core().V1()
	controltest.Cache(t, core.Services().Informer(), service)
	controltest.Cache(t, core.Pods().Informer(), pod)
	controltest.Cache(t, core.Nodes().Informer(), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	if err := c.sync(context.Background(), "ns/web"); err != nil {
		t.Fatal(err)
	}
	if got := w.Writes(); got != "create endpointslices ns/web-" {
		t.Fatalf("wrote %q", got)
	}
	list, err := w.Client.DiscoveryV1().EndpointSlices("ns").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slice := list.Items[0]
	if e := slice.Endpoints; len(e) != 1 || e[0].Addresses[0] != "10.244.0.2" || !*e[0].Conditions.Ready || *slice.Ports[0].Port != 8080 {
		t.Errorf("endpoints %+v, ports %+v", slice.Endpoints, slice.Ports)
	}
	if slice.Labels[discoveryv1.LabelManagedBy] != self || slice.Labels[discoveryv1.LabelServiceName] != "web" || slice.Labels["l"] != "x" ||
		metav1.GetControllerOf(&slice).UID != "u" {
		t.Errorf("labels %v, owners %v", slice.Labels, slice.OwnerReferences)
	}
	controltest.Cache(t, w.Informers.Discovery().V1().EndpointSlices().Informer(), &slice)
	w.Client.ClearActions()
	if err := c.sync(context.Background(), "ns/web"); err != nil || w.Writes() != "" {
		t.Errorf("the second sync wrote again: %v", err)
	}
}

// recorded notes the contexts that reach the API.
type recorded struct {
	typed.EndpointSliceInterface
	contexts []context.Context
}

func (r *recorded) Delete(ctx context.Context, _ string, _ metav1.DeleteOptions) error {
	r.contexts = append(r.contexts, ctx)
	return nil
}

func TestWritesCarryTheSyncsContext(t *testing.T) {
	type mark struct{}
	ctx := context.WithValue(context.Background(), mark{}, "sync")
	api := &recorded{}
	slices := boundSlices{api, boundClient{ctx: ctx}}
	if err := slices.Delete(context.Background(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if api.contexts[0].Value(mark{}) != "sync" {
		t.Error("the library's context was sent")
	}
}
