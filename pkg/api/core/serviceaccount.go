package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
)

// ServiceAccount is the resource serviceaccounts.
var ServiceAccount = &api.Resource{
	Version:    "v1",
	Kind:       "ServiceAccount",
	Plural:     "serviceaccounts",
	Singular:   "serviceaccount",
	ShortNames: []string{"sa"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.ServiceAccount{} },
	NewList:    func() runtime.Object { return &corev1.ServiceAccountList{} },
	Subresources: []api.Subresource{
		api.Connect("token", schema.GroupVersionKind{Group: "authentication.k8s.io", Version: "v1", Kind: "TokenRequest"}, "create"),
	},
}
