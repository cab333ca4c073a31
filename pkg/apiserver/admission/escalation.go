package admission

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
)

// escalation asks authz.Escalation about each write of a role or binding.
type escalation struct {
	plugin.Mutates
	check *authz.Escalation
}

// Mutate refuses to give what the user does not hold. It changes nothing: the
// others have done so before, and the question comes before any validation.
func (e *escalation) Mutate(ctx context.Context, a *request.Attributes) error {
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
		if err := e.check.Role(ctx, a.User, resource, "", name, obj.Rules); err != nil || !aggregationChanged(obj, a.OldObject) {
			return err
		}
		return e.check.Aggregated(ctx, a.User, resource, name)
	case *rbacv1.RoleBinding:
		return e.check.Binding(ctx, a.User, resource, a.Namespace, name, obj.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return e.check.Binding(ctx, a.User, resource, "", name, obj.RoleRef)
	}
	return nil
}

func aggregationChanged(role *rbacv1.ClusterRole, old api.Object) bool {
	var was *rbacv1.AggregationRule
	if before, ok := old.(*rbacv1.ClusterRole); ok {
		was = before.AggregationRule
	}
	return !equality.Semantic.DeepEqual(was, role.AggregationRule)
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
