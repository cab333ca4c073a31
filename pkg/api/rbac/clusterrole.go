package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ClusterRole is the resource clusterroles.
var ClusterRole = &api.Resource{
	Group:    "rbac.authorization.k8s.io",
	Version:  "v1",
	Kind:     "ClusterRole",
	Plural:   "clusterroles",
	Singular: "clusterrole",
	New:      func() api.Object { return &rbacv1.ClusterRole{} },
	NewList:  func() runtime.Object { return &rbacv1.ClusterRoleList{} },
}
