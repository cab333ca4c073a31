package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Service is the resource services.
var Service = &api.Resource{
	Version:     "v1",
	Kind:        "Service",
	Plural:      "services",
	Singular:    "service",
	ShortNames:  []string{"svc"},
	Categories:  []string{"all"},
	Namespaced:  true,
	StoragePath: "services/specs",
	New:         func() api.Object { return &corev1.Service{} },
	NewList:     func() runtime.Object { return &corev1.ServiceList{} },
	Subresources: []api.Subresource{
		api.Status(putServiceStatus),
		api.Connect("proxy", api.CoreKind("ServiceProxyOptions"), api.ProxyVerbs...),
	},
}

func putServiceStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*corev1.Service), body.(*corev1.Service)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
