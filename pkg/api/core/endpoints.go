package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Endpoints is the resource endpoints.
var Endpoints = &api.Resource{
	Version:     "v1",
	Kind:        "Endpoints",
	Plural:      "endpoints",
	Singular:    "endpoints",
	ShortNames:  []string{"ep"},
	Namespaced:  true,
	StoragePath: "services/endpoints",
	New:         func() api.Object { return &corev1.Endpoints{} },
	NewList:     func() runtime.Object { return &corev1.EndpointsList{} },
}
