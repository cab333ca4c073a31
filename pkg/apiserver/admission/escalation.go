package admission

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
)

// escalation asks authz.Escalation about each write of a role or binding.
type escalation struct{ check *authz.Escalation }

func (e *escalation) Mutate(context.Context, *request.Attributes) error { return nil }

// Validate refuses to give what the user does not hold.
func (e *escalation) Validate(ctx context.Context, a *request.Attributes) error {
	if a.Operation != request.Create && a.Operation != request.Update || collectsGarbage(a.Object, a.OldObject) {
		return nil
	}
	resource, name := a.Resource.GroupResource(), a.Name
	if name == "" && a.Object != nil {
		name = a.Object.GetName()
	}
	switch obj := a.Object.(type) {
	case *rbacv1.Role:
		return e.check.Role(ctx, a.User, resource, a.Namespace, name, obj.Rules)
	case *rbacv1.ClusterRole:
		if obj.AggregationRule != nil && aggregationChanged(obj, a.OldObject) {
			return e.check.Aggregated(ctx, a.User, resource, name)
		}
		return e.check.Role(ctx, a.User, resource, "", name, obj.Rules)
	case *rbacv1.RoleBinding:
		return e.check.Binding(ctx, a.User, resource, a.Namespace, name, obj.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return e.check.Binding(ctx, a.User, resource, "", name, obj.RoleRef)
	}
	return nil
}

func aggregationChanged(role *rbacv1.ClusterRole, old api.Object) bool {
	before, ok := old.(*rbacv1.ClusterRole)
	return !ok || before.AggregationRule == nil || !equality.Semantic.DeepEqual(before.AggregationRule, role.AggregationRule)
}

// collectsGarbage says whether an update touches only what the garbage collector touches: it
// must be able to finish a deletion without holding what the role gives.
func collectsGarbage(obj, old api.Object) bool {
	if obj == nil || old == nil {
		return false
	}
	copied := obj.DeepCopyObject().(api.Object)
	copied.SetOwnerReferences(old.GetOwnerReferences())
	copied.SetFinalizers(old.GetFinalizers())
	copied.SetManagedFields(old.GetManagedFields())
	return equality.Semantic.DeepEqual(copied, old)
}
