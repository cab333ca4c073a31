package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Node is the resource nodes.
var Node = &api.Resource{
	Version:     "v1",
	Kind:        "Node",
	Plural:      "nodes",
	Singular:    "node",
	ShortNames:  []string{"no"},
	StoragePath: "minions",
	New:         func() api.Object { return &corev1.Node{} },
	NewList:     func() runtime.Object { return &corev1.NodeList{} },
	Subresources: []api.Subresource{
		api.Status(putNodeStatus),
		api.Connect("proxy", api.CoreKind("NodeProxyOptions"), api.ProxyVerbs...),
	},
}

func putNodeStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*corev1.Node), body.(*corev1.Node)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
