package rbac

import (
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	rbacv1beta1 "k8s.io/api/rbac/v1beta1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ClusterRoleBinding is the resource clusterrolebindings.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/cluster-role-binding-v1/
var ClusterRoleBinding = &api.Resource{
	Group:    rbacv1.GroupName,
	Version:  "v1",
	Kind:     "ClusterRoleBinding",
	Plural:   "clusterrolebindings",
	Singular: "clusterrolebinding",
	New:      func() api.Object { return &rbacv1.ClusterRoleBinding{} },
	NewList:  func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} },

	Default: func(obj api.Object) {
		binding := obj.(*rbacv1.ClusterRoleBinding)
		defaultBinding(&binding.RoleRef, binding.Subjects)
	},
	ValidateName: pathvalidation.ValidatePathSegmentName,
	Validate: func(obj api.Object) field.ErrorList {
		binding := obj.(*rbacv1.ClusterRoleBinding)
		return validateBinding(binding.RoleRef, binding.Subjects, false)
	},
	ValidateUpdate: func(obj, old api.Object) field.ErrorList {
		binding := obj.(*rbacv1.ClusterRoleBinding)
		return validateBindingUpdate(binding.RoleRef, old.(*rbacv1.ClusterRoleBinding).RoleRef, binding.Subjects, false)
	},
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,

	// Upstream still prints the words of v1beta1.
	Columns: bindingColumns("clusterRoleBinding", rbacv1beta1.ClusterRoleBinding{}.SwaggerDoc()["roleRef"]),
	Row: func(obj api.Object, now time.Time) []any {
		binding := obj.(*rbacv1.ClusterRoleBinding)
		return bindingRow(binding, binding.RoleRef, binding.Subjects, now)
	},
}
