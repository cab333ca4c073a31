package endpointslice

import (
	"context"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typed "k8s.io/client-go/kubernetes/typed/discovery/v1"
)

// boundClient is a client whose writes of EndpointSlices carry a sync's context,
// and with it the causes, and are noted: the library's reconciler passes a context
// of its own.
type boundClient struct {
	kubernetes.Interface
	ctx  context.Context
	made func(*discoveryv1.EndpointSlice)
}

func (c boundClient) DiscoveryV1() typed.DiscoveryV1Interface {
	return boundGroup{c.Interface.DiscoveryV1(), c}
}

type boundGroup struct {
	typed.DiscoveryV1Interface
	client boundClient
}

func (g boundGroup) EndpointSlices(namespace string) typed.EndpointSliceInterface {
	return boundSlices{g.DiscoveryV1Interface.EndpointSlices(namespace), g.client}
}

type boundSlices struct {
	typed.EndpointSliceInterface
	client boundClient
}

func (s boundSlices) Create(_ context.Context, slice *discoveryv1.EndpointSlice, o metav1.CreateOptions) (*discoveryv1.EndpointSlice, error) {
	return s.noted(s.EndpointSliceInterface.Create(s.client.ctx, slice, o))
}

func (s boundSlices) Update(_ context.Context, slice *discoveryv1.EndpointSlice, o metav1.UpdateOptions) (*discoveryv1.EndpointSlice, error) {
	return s.noted(s.EndpointSliceInterface.Update(s.client.ctx, slice, o))
}

func (s boundSlices) Delete(_ context.Context, name string, o metav1.DeleteOptions) error {
	return s.EndpointSliceInterface.Delete(s.client.ctx, name, o)
}

func (s boundSlices) noted(slice *discoveryv1.EndpointSlice, err error) (*discoveryv1.EndpointSlice, error) {
	if err == nil {
		s.client.made(slice)
	}
	return slice, err
}
