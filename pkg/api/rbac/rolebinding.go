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

// RoleBinding is the resource rolebindings.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-binding-v1/
var RoleBinding = &api.Resource{
	Group:      rbacv1.GroupName,
	Version:    "v1",
	Kind:       "RoleBinding",
	Plural:     "rolebindings",
	Singular:   "rolebinding",
	Namespaced: true,
	New:        func() api.Object { return &rbacv1.RoleBinding{} },
	NewList:    func() runtime.Object { return &rbacv1.RoleBindingList{} },

	Default: func(obj api.Object) {
		binding := obj.(*rbacv1.RoleBinding)
		defaultBinding(&binding.RoleRef, binding.Subjects)
	},
	ValidateName: pathvalidation.ValidatePathSegmentName,
	Validate: func(obj api.Object) field.ErrorList {
		binding := obj.(*rbacv1.RoleBinding)
		return validateBinding(binding.RoleRef, binding.Subjects, true)
	},
	ValidateUpdate: func(obj, old api.Object) field.ErrorList {
		binding := obj.(*rbacv1.RoleBinding)
		return validateBindingUpdate(binding.RoleRef, old.(*rbacv1.RoleBinding).RoleRef, binding.Subjects, true)
	},
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,

	// Upstream still prints the words of v1beta1.
	Columns: bindingColumns("roleBinding", rbacv1beta1.RoleBinding{}.SwaggerDoc()["roleRef"]),
	Row: func(obj api.Object, now time.Time) []any {
		binding := obj.(*rbacv1.RoleBinding)
		return bindingRow(binding, binding.RoleRef, binding.Subjects, now)
	},
}
