package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// IPAddress is the resource ipaddresses.
var IPAddress = &api.Resource{
	Group:      "networking.k8s.io",
	Version:    "v1",
	Kind:       "IPAddress",
	Plural:     "ipaddresses",
	Singular:   "ipaddress",
	ShortNames: []string{"ip"},
	New:        func() api.Object { return &networkingv1.IPAddress{} },
	NewList:    func() runtime.Object { return &networkingv1.IPAddressList{} },
}
