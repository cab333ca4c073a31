package bootstrap

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	coreapi "slowmo/pkg/api/core"
	discoveryapi "slowmo/pkg/api/discovery"
	"slowmo/pkg/storage"
)

// kubernetes names the Service of the API server and its endpoints.
var kubernetes = metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "kubernetes"}

// service makes default/kubernetes lead to this server.
func (c Config) service() []wish {
	service, endpoints, slice := c.kubernetesService(), c.kubernetesEndpoints(), c.kubernetesSlice()
	return []wish{
		{
			collection: c.Store.Collection(coreapi.Service),
			object:     service,
			merge:      func(present api.Object) api.Object { return mergeService(present.(*corev1.Service), service) },
			with: func(ctx context.Context, obj api.Object) ([]storage.Op, error) {
				return c.Services.Create(ctx, obj, false)
			},
		},
		{
			collection: c.Store.Collection(coreapi.Endpoints),
			object:     endpoints,
			merge: func(present api.Object) api.Object {
				old := present.(*corev1.Endpoints)
				next := old.DeepCopy()
				next.Subsets = endpoints.Subsets
				return changed(old, next)
			},
		},
		{
			collection: c.Store.Collection(discoveryapi.EndpointSlice),
			object:     slice,
			merge: func(present api.Object) api.Object {
				old := present.(*discoveryv1.EndpointSlice)
				next := old.DeepCopy()
				next.Endpoints, next.Ports = slice.Endpoints, slice.Ports
				if !equality.Semantic.DeepEqual(old, next) {
					next.Generation++
				}
				return changed(old, next)
			},
		},
	}
}

func (c Config) kubernetesService() *corev1.Service {
	s := &corev1.Service{ObjectMeta: kubernetes}
	s.Labels = map[string]string{"provider": "kubernetes", "component": "apiserver"}
	s.Spec = corev1.ServiceSpec{
		ClusterIP:       c.ServiceIP.String(),
		ClusterIPs:      []string{c.ServiceIP.String()},
		Type:            corev1.ServiceTypeClusterIP,
		SessionAffinity: corev1.ServiceAffinityNone,
		Ports: []corev1.ServicePort{{
			Name: "https", Protocol: corev1.ProtocolTCP, Port: 443, TargetPort: intstr.FromInt(c.SecurePort),
		}},
	}
	return s
}

// mergeService follows the server to another port; the rest is the administrator's.
func mergeService(present, wanted *corev1.Service) api.Object {
	next := present.DeepCopy()
	next.Spec.Ports = wanted.Spec.Ports
	return changed(present, next)
}

func (c Config) kubernetesEndpoints() *corev1.Endpoints {
	e := &corev1.Endpoints{ObjectMeta: kubernetes}
	// The slice is written below: no controller need make one of this.
	e.Labels = map[string]string{discoveryv1.LabelSkipMirror: "true"}
	e.Subsets = []corev1.EndpointSubset{{
		Addresses: []corev1.EndpointAddress{{IP: c.AdvertiseAddress.String()}},
		Ports:     []corev1.EndpointPort{{Name: "https", Port: int32(c.SecurePort), Protocol: corev1.ProtocolTCP}},
	}}
	return e
}

func (c Config) kubernetesSlice() *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: kubernetes, AddressType: discoveryv1.AddressTypeIPv4}
	if c.AdvertiseAddress.Is6() {
		s.AddressType = discoveryv1.AddressTypeIPv6
	}
	s.Labels = map[string]string{discoveryv1.LabelServiceName: kubernetes.Name}
	s.Endpoints = []discoveryv1.Endpoint{{
		Addresses:  []string{c.AdvertiseAddress.String()},
		Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
	}}
	s.Ports = []discoveryv1.EndpointPort{{
		Name: ptr.To("https"), Port: ptr.To(int32(c.SecurePort)), Protocol: ptr.To(corev1.ProtocolTCP),
	}}
	return s
}

// extensionConfig tells extension API servers whose client certificates to trust.
func (c Config) extensionConfig() wish {
	m := &corev1.ConfigMap{}
	m.Namespace, m.Name = metav1.NamespaceSystem, "extension-apiserver-authentication"
	m.Data = map[string]string{"client-ca-file": string(c.ClientCA)}
	return wish{
		collection: c.Store.Collection(coreapi.ConfigMap),
		object:     m,
		merge: func(present api.Object) api.Object {
			old := present.(*corev1.ConfigMap)
			next := old.DeepCopy()
			next.Data = mergeMap(next.Data, m.Data)
			return changed(old, next)
		},
	}
}

// PriorityClasses returns the two classes of the cluster's own pods.
//
// https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/
func PriorityClasses() []*schedulingv1.PriorityClass {
	const critical = int32(2000000000)
	class := func(name string, value int32, description string) *schedulingv1.PriorityClass {
		c := &schedulingv1.PriorityClass{Value: value, Description: description}
		c.Name, c.Generation = name, 1
		return c
	}
	return []*schedulingv1.PriorityClass{
		class("system-node-critical", critical+1000,
			"Used for system critical pods that must not be moved from their current node."),
		class("system-cluster-critical", critical,
			"Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
	}
}
