package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ConfigMap is the resource configmaps.
var ConfigMap = &api.Resource{
	Version:    "v1",
	Kind:       "ConfigMap",
	Plural:     "configmaps",
	Singular:   "configmap",
	ShortNames: []string{"cm"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.ConfigMap{} },
	NewList:    func() runtime.Object { return &corev1.ConfigMapList{} },
}
