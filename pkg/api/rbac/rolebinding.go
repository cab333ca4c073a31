package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	rbacv1beta1 "k8s.io/api/rbac/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// RoleBinding is the resource rolebindings.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-binding-v1/
var RoleBinding = bindings(&api.Resource{
	Kind:       "RoleBinding",
	Plural:     "rolebindings",
	Singular:   "rolebinding",
	Namespaced: true,
	New:        func() api.Object { return &rbacv1.RoleBinding{} },
	NewList:    func() runtime.Object { return &rbacv1.RoleBindingList{} },
}, "roleBinding", rbacv1beta1.RoleBinding{}.SwaggerDoc()["roleRef"])
