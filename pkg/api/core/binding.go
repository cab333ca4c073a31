package core

import (
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
)

// Binding is the resource bindings.
var Binding = &api.Resource{
	Version:    "v1",
	Kind:       "Binding",
	Plural:     "bindings",
	Singular:   "binding",
	Namespaced: true,
	Virtual:    true,
	Verbs:      []string{"create"},
	New:        func() api.Object { return &corev1.Binding{} },
}
