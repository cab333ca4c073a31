package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ClusterRole is the resource clusterroles.
//
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/cluster-role-v1/
var ClusterRole = &api.Resource{
	Group:    rbacv1.GroupName,
	Version:  "v1",
	Kind:     "ClusterRole",
	Plural:   "clusterroles",
	Singular: "clusterrole",
	New:      func() api.Object { return &rbacv1.ClusterRole{} },
	NewList:  func() runtime.Object { return &rbacv1.ClusterRoleList{} },

	ValidateName:        pathvalidation.ValidatePathSegmentName,
	Validate:            validateClusterRole,
	ValidateUpdate:      func(obj, _ api.Object) field.ErrorList { return validateClusterRole(obj) },
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,
}

func validateClusterRole(obj api.Object) field.ErrorList {
	role := obj.(*rbacv1.ClusterRole)
	errs := append(validateRules(role.Rules, false), validateAggregation(role.AggregationRule)...)
	return append(errs, requireVerbs(role.Rules)...)
}

func validateAggregation(rule *rbacv1.AggregationRule) (errs field.ErrorList) {
	if rule == nil {
		return nil
	}
	path := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(rule.ClusterRoleSelectors) == 0 {
		errs = append(errs, field.Required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	for i := range rule.ClusterRoleSelectors {
		selector := &rule.ClusterRoleSelectors[i]
		errs = append(errs, metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path.Index(i))...)
		if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
			errs = append(errs, field.Invalid(path.Index(i), nil, "invalid label selector."))
		}
	}
	return errs
}
