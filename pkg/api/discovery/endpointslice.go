package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// EndpointSlice is the resource endpointslices.
var EndpointSlice = &api.Resource{
	Group:      "discovery.k8s.io",
	Version:    "v1",
	Kind:       "EndpointSlice",
	Plural:     "endpointslices",
	Singular:   "endpointslice",
	Namespaced: true,
	New:        func() api.Object { return &discoveryv1.EndpointSlice{} },
	NewList:    func() runtime.Object { return &discoveryv1.EndpointSliceList{} },
}
