package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Namespace is the resource namespaces.
var Namespace = &api.Resource{
	Version:    "v1",
	Kind:       "Namespace",
	Plural:     "namespaces",
	Singular:   "namespace",
	ShortNames: []string{"ns"},
	Verbs:      []string{"create", "delete", "get", "list", "patch", "update", "watch"},
	New:        func() api.Object { return &corev1.Namespace{} },
	NewList:    func() runtime.Object { return &corev1.NamespaceList{} },
	Subresources: []api.Subresource{
		api.Status(putNamespaceStatus),
	},
}

func putNamespaceStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*corev1.Namespace), body.(*corev1.Namespace)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
