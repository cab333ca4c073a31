package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// Role is the resource roles.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-v1/
var Role = &api.Resource{
	Group:      rbacv1.GroupName,
	Version:    "v1",
	Kind:       "Role",
	Plural:     "roles",
	Singular:   "role",
	Namespaced: true,
	New:        func() api.Object { return &rbacv1.Role{} },
	NewList:    func() runtime.Object { return &rbacv1.RoleList{} },

	ValidateName:        pathvalidation.ValidatePathSegmentName,
	Validate:            validateRole,
	ValidateUpdate:      func(obj, _ api.Object) field.ErrorList { return validateRole(obj) },
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,
}

func validateRole(obj api.Object) field.ErrorList {
	rules := obj.(*rbacv1.Role).Rules
	return append(validateRules(rules, true), requireVerbs(rules)...)
}
