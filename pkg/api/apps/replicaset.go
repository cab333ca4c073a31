package apps

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ReplicaSet is the resource replicasets.
var ReplicaSet = &api.Resource{
	Group:      "apps",
	Version:    "v1",
	Kind:       "ReplicaSet",
	Plural:     "replicasets",
	Singular:   "replicaset",
	ShortNames: []string{"rs"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &appsv1.ReplicaSet{} },
	NewList:    func() runtime.Object { return &appsv1.ReplicaSetList{} },
	Subresources: []api.Subresource{
		api.Status(putReplicaSetStatus),
	},
}

func putReplicaSetStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*appsv1.ReplicaSet), body.(*appsv1.ReplicaSet)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
