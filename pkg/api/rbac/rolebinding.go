package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// RoleBinding is the resource rolebindings.
var RoleBinding = &api.Resource{
	Group:      "rbac.authorization.k8s.io",
	Version:    "v1",
	Kind:       "RoleBinding",
	Plural:     "rolebindings",
	Singular:   "rolebinding",
	Namespaced: true,
	New:        func() api.Object { return &rbacv1.RoleBinding{} },
	NewList:    func() runtime.Object { return &rbacv1.RoleBindingList{} },
}
