// Package quota computes what objects use of the resources that a ResourceQuota
// counts. It is pure: who enforces a quota looks the objects up.
//
// An Evaluator knows one kind. For a kind without one of its own, the objects
// are counted:
//
//	e := quota.For(schema.GroupResource{Resource: "pods"})
//	if e.Matches(q, pod) {
//		used := quota.Add(q.Status.Used, quota.Mask(e.Usage(pod), q.Status.Hard))
//	}
//
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
)

// Evaluator knows what the objects of one resource use. Fields that say so may
// be nil.
type Evaluator struct {
	// Usage returns what obj uses, under all names by which that is counted.
	Usage func(obj runtime.Object) corev1.ResourceList
	// Counts says whether name is one of those.
	Counts func(name corev1.ResourceName) bool
	// InScope says whether obj is in a scope; nil means that it is in none.
	InScope func(obj runtime.Object, scope corev1.ScopedResourceSelectorRequirement) bool
	// Missing returns what obj has to say of the names that are limited, and
	// does not. May be nil.
	Missing func(obj runtime.Object, limited []corev1.ResourceName) error
	// OnUpdate says that an update may change the usage.
	OnUpdate bool
}

// For returns the evaluator of a resource.
func For(resource schema.GroupResource) *Evaluator {
	switch resource {
	case schema.GroupResource{Resource: "pods"}:
		return pods
	case schema.GroupResource{Resource: "services"}:
		return services
	case schema.GroupResource{Resource: "persistentvolumeclaims"}:
		return claims
	}
	return counter(resource)
}

// counter counts the objects of a resource.
func counter(resource schema.GroupResource) *Evaluator {
	names := []corev1.ResourceName{countName(resource)}
	if resource.Group == "" && slices.Contains([]string{"configmaps", "replicationcontrollers", "resourcequotas", "secrets"}, resource.Resource) {
		names = append(names, corev1.ResourceName(resource.Resource))
	}
	return &Evaluator{
		Usage: func(runtime.Object) corev1.ResourceList {
			used := corev1.ResourceList{}
			for _, name := range names {
				used[name] = one
			}
			return used
		},
		Counts: func(name corev1.ResourceName) bool { return slices.Contains(names, name) },
	}
}

// countName is the name under which any resource's objects are counted:
// "count/deployments.apps".
func countName(resource schema.GroupResource) corev1.ResourceName {
	return corev1.ResourceName("count/" + resource.String())
}

// Matches says whether q limits something that obj uses, and has it in all its scopes.
func (e *Evaluator) Matches(q *corev1.ResourceQuota, obj runtime.Object) bool {
	if len(e.Limited(q)) == 0 {
		return false
	}
	for _, scope := range scopes(q) {
		if e.InScope == nil || !e.InScope(obj, scope) {
			return false
		}
	}
	return true
}

// Limited returns the names that q limits and e counts, in order.
func (e *Evaluator) Limited(q *corev1.ResourceQuota) (names []corev1.ResourceName) {
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		if e.Counts(name) {
			names = append(names, name)
		}
	}
	return names
}

func scopes(q *corev1.ResourceQuota) (all []corev1.ScopedResourceSelectorRequirement) {
	for _, name := range q.Spec.Scopes {
		all = append(all, corev1.ScopedResourceSelectorRequirement{ScopeName: name, Operator: corev1.ScopeSelectorOpExists})
	}
	if q.Spec.ScopeSelector != nil {
		all = append(all, q.Spec.ScopeSelector.MatchExpressions...)
	}
	return all
}

// valueInScope holds a value, such as the name of a priority class, against a
// scope that selects by it. The empty value is none.
func valueInScope(value string, scope corev1.ScopedResourceSelectorRequirement) bool {
	operators := map[corev1.ScopeSelectorOperator]selection.Operator{
		corev1.ScopeSelectorOpIn:           selection.In,
		corev1.ScopeSelectorOpNotIn:        selection.NotIn,
		corev1.ScopeSelectorOpExists:       selection.Exists,
		corev1.ScopeSelectorOpDoesNotExist: selection.DoesNotExist,
	}
	requirement, err := labels.NewRequirement(string(scope.ScopeName), operators[scope.Operator], scope.Values)
	if err != nil {
		return false
	}
	set := labels.Set{}
	if value != "" {
		set[string(scope.ScopeName)] = value
	}
	return requirement.Matches(set)
}

// Add returns the sum of two lists.
func Add(a, b corev1.ResourceList) corev1.ResourceList {
	sum := a.DeepCopy()
	if sum == nil {
		sum = corev1.ResourceList{}
	}
	for name, quantity := range b {
		total := sum[name].DeepCopy()
		total.Add(quantity)
		sum[name] = total
	}
	return sum
}

// Grown returns by how much now is more than before; what is less counts as nothing.
func Grown(now, before corev1.ResourceList) corev1.ResourceList {
	more := corev1.ResourceList{}
	for name, quantity := range now {
		difference := quantity.DeepCopy()
		difference.Sub(before[name])
		if difference.Sign() > 0 {
			more[name] = difference
		}
	}
	return more
}

// Mask returns what of list is named in by.
func Mask(list, by corev1.ResourceList) corev1.ResourceList {
	masked := corev1.ResourceList{}
	for name, quantity := range list {
		if _, there := by[name]; there {
			masked[name] = quantity
		}
	}
	return masked
}

// String writes a list as messages show it: "pods=1,requests.cpu=100m".
func String(list corev1.ResourceList) string {
	parts := make([]string, 0, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		quantity := list[name]
		parts = append(parts, fmt.Sprintf("%s=%s", name, quantity.String()))
	}
	return strings.Join(parts, ",")
}
