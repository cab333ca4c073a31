package networking

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ServiceCIDR is the resource servicecidrs.
var ServiceCIDR = &api.Resource{
	Group:    "networking.k8s.io",
	Version:  "v1",
	Kind:     "ServiceCIDR",
	Plural:   "servicecidrs",
	Singular: "servicecidr",
	New:      func() api.Object { return &networkingv1.ServiceCIDR{} },
	NewList:  func() runtime.Object { return &networkingv1.ServiceCIDRList{} },
	Subresources: []api.Subresource{
		api.Status(putServiceCIDRStatus),
	},
}

func putServiceCIDRStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*networkingv1.ServiceCIDR), body.(*networkingv1.ServiceCIDR)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
