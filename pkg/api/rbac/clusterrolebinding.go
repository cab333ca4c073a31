package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ClusterRoleBinding is the resource clusterrolebindings.
var ClusterRoleBinding = &api.Resource{
	Group:    "rbac.authorization.k8s.io",
	Version:  "v1",
	Kind:     "ClusterRoleBinding",
	Plural:   "clusterrolebindings",
	Singular: "clusterrolebinding",
	New:      func() api.Object { return &rbacv1.ClusterRoleBinding{} },
	NewList:  func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} },
}
