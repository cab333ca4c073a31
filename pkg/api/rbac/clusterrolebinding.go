package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	rbacv1beta1 "k8s.io/api/rbac/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// ClusterRoleBinding is the resource clusterrolebindings.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/cluster-role-binding-v1/
var ClusterRoleBinding = bindings(&api.Resource{
	Kind:     "ClusterRoleBinding",
	Plural:   "clusterrolebindings",
	Singular: "clusterrolebinding",
	New:      func() api.Object { return &rbacv1.ClusterRoleBinding{} },
	NewList:  func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} },
}, "clusterRoleBinding", rbacv1beta1.ClusterRoleBinding{}.SwaggerDoc()["roleRef"])
