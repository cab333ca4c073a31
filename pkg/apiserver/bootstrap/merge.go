package bootstrap

import (
	"slices"
	"time"

	"github.com/google/uuid"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/authz"
)

// The merges bring a default role or binding back to what it must give, and
// leave alone what an administrator added to it. They return nil where there is
// nothing to change.

func mergeClusterRole(present, wanted *rbacv1.ClusterRole) api.Object {
	if protected(present) {
		return nil
	}
	next := present.DeepCopy()
	mergeMeta(next, wanted)
	next.AggregationRule = wanted.AggregationRule
	if wanted.AggregationRule == nil {
		next.Rules = append(next.Rules, authz.Uncovered(present.Rules, wanted.Rules)...)
	}
	return changed(present, next)
}

func mergeRole(present, wanted *rbacv1.Role) api.Object {
	if protected(present) {
		return nil
	}
	next := present.DeepCopy()
	mergeMeta(next, wanted)
	next.Rules = append(next.Rules, authz.Uncovered(present.Rules, wanted.Rules)...)
	return changed(present, next)
}

func mergeClusterBinding(present, wanted *rbacv1.ClusterRoleBinding) api.Object {
	if protected(present) {
		return nil
	}
	next := present.DeepCopy()
	mergeMeta(next, wanted)
	next.RoleRef = wanted.RoleRef
	next.Subjects = union(next.Subjects, wanted.Subjects)
	return changed(present, next)
}

func mergeBinding(present, wanted *rbacv1.RoleBinding) api.Object {
	if protected(present) {
		return nil
	}
	next := present.DeepCopy()
	mergeMeta(next, wanted)
	next.RoleRef = wanted.RoleRef
	next.Subjects = union(next.Subjects, wanted.Subjects)
	return changed(present, next)
}

// protected says whether an administrator wants the object left alone.
func protected(obj api.Object) bool {
	return obj.GetAnnotations()[rbacv1.AutoUpdateAnnotationKey] == "false"
}

func mergeMeta(next, wanted api.Object) {
	next.SetLabels(mergeMap(next.GetLabels(), wanted.GetLabels()))
	next.SetAnnotations(mergeMap(next.GetAnnotations(), wanted.GetAnnotations()))
}

func mergeMap(into, from map[string]string) map[string]string {
	if into == nil {
		into = map[string]string{}
	}
	for key, value := range from {
		into[key] = value
	}
	return into
}

func union(present, wanted []rbacv1.Subject) []rbacv1.Subject {
	for _, s := range wanted {
		if !slices.Contains(present, s) {
			present = append(present, s)
		}
	}
	return present
}

// fillMeta gives a new object what the server gives it.
func fillMeta(obj api.Object) {
	obj.SetUID(types.UID(uuid.NewString()))
	obj.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
}
