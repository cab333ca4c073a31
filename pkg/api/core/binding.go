package core

import (
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
)

// Binding is the resource bindings: a create is a create of pods/binding on the
// pod that it names. Nothing is stored.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
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
