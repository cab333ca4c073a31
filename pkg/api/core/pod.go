package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Pod is the resource pods.
var Pod = &api.Resource{
	Version:    "v1",
	Kind:       "Pod",
	Plural:     "pods",
	Singular:   "pod",
	ShortNames: []string{"po"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.Pod{} },
	NewList:    func() runtime.Object { return &corev1.PodList{} },
	Subresources: []api.Subresource{
		api.Status(putPodStatus),
		api.Connect("log", api.CoreKind("Pod"), "get"),
		api.Connect("exec", api.CoreKind("PodExecOptions"), "create", "get"),
		api.Connect("attach", api.CoreKind("PodAttachOptions"), "create", "get"),
		api.Connect("portforward", api.CoreKind("PodPortForwardOptions"), "create", "get"),
		api.Connect("proxy", api.CoreKind("PodProxyOptions"), api.ProxyVerbs...),
	},
}

func putPodStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*corev1.Pod), body.(*corev1.Pod)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
