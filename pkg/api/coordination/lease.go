package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Lease is the resource leases.
var Lease = &api.Resource{
	Group:      "coordination.k8s.io",
	Version:    "v1",
	Kind:       "Lease",
	Plural:     "leases",
	Singular:   "lease",
	Namespaced: true,
	New:        func() api.Object { return &coordinationv1.Lease{} },
	NewList:    func() runtime.Object { return &coordinationv1.LeaseList{} },
}
