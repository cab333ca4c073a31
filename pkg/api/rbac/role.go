package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Role is the resource roles.
var Role = &api.Resource{
	Group:      "rbac.authorization.k8s.io",
	Version:    "v1",
	Kind:       "Role",
	Plural:     "roles",
	Singular:   "role",
	Namespaced: true,
	New:        func() api.Object { return &rbacv1.Role{} },
	NewList:    func() runtime.Object { return &rbacv1.RoleList{} },
}
