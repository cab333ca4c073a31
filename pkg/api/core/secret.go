package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Secret is the resource secrets.
var Secret = &api.Resource{
	Version:    "v1",
	Kind:       "Secret",
	Plural:     "secrets",
	Singular:   "secret",
	Namespaced: true,
	New:        func() api.Object { return &corev1.Secret{} },
	NewList:    func() runtime.Object { return &corev1.SecretList{} },
}
