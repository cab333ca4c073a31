package apps

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Deployment is the resource deployments.
var Deployment = &api.Resource{
	Group:      "apps",
	Version:    "v1",
	Kind:       "Deployment",
	Plural:     "deployments",
	Singular:   "deployment",
	ShortNames: []string{"deploy"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &appsv1.Deployment{} },
	NewList:    func() runtime.Object { return &appsv1.DeploymentList{} },
	Subresources: []api.Subresource{
		api.Status(putDeploymentStatus),
	},
}

func putDeploymentStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*appsv1.Deployment), body.(*appsv1.Deployment)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}
