package authz

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"

	"slowmo/pkg/api/rbac"
	"slowmo/pkg/apiserver/follow"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// RBAC is the policy that the stored roles and bindings make up.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
type RBAC struct {
	*Policy
	follow.Group
	store *storage.Store
}

// NewRBAC returns an authorizer that knows all roles and bindings of the store.
// It follows their changes while Run runs.
func NewRBAC(ctx context.Context, store *storage.Store) (*RBAC, error) {
	p := NewPolicy()
	r := &RBAC{Policy: p, store: store, Group: follow.Group{
		follow.New(store.Collection(rbac.Role), p.SetRole),
		follow.New(store.Collection(rbac.ClusterRole), func(_, name string, role *rbacv1.ClusterRole) {
			p.SetClusterRole(name, role)
		}),
		follow.New(store.Collection(rbac.RoleBinding), func(namespace, name string, b *rbacv1.RoleBinding) {
			if b == nil {
				b = &rbacv1.RoleBinding{}
			}
			p.SetBinding(namespace, name, b.RoleRef, b.Subjects)
		}),
		follow.New(store.Collection(rbac.ClusterRoleBinding), func(_, name string, b *rbacv1.ClusterRoleBinding) {
			if b == nil {
				b = &rbacv1.ClusterRoleBinding{}
			}
			p.SetBinding("", name, b.RoleRef, b.Subjects)
		}),
	}}
	return r, r.Load(ctx)
}

// Authorize is Policy's, but that nothing is refused for want of a role or a binding
// that is stored: before it has no opinion it looks whether there is news.
func (r *RBAC) Authorize(ctx context.Context, a *request.Authorization) (request.Decision, string, error) {
	decision, reason, err := r.Policy.Authorize(ctx, a)
	if decision == request.Allow || err != nil {
		return decision, reason, err
	}
	if err := r.store.Ready(ctx); err != nil {
		return request.NoOpinion, reason, err
	}
	if err := r.Reach(ctx); err != nil {
		return request.NoOpinion, reason, err
	}
	// In any case: the news may have come since the first look.
	return r.Policy.Authorize(ctx, a)
}

// Authorize allows what one of the user's roles allows. It has no opinion on
// anything else; the reason then names the roles that are bound and missing.
func (p *Policy) Authorize(_ context.Context, a *request.Authorization) (request.Decision, string, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var allowedBy string
	var missing []error
	p.visit(a.User, a.Info.Namespace, func(s subject, b *binding) bool {
		rules, there := p.rules(b)
		if !there {
			missing = append(missing, errMissingRole(b))
		}
		if !allows(rules, a.Info) {
			return true
		}
		allowedBy = because(s, b)
		return false
	})
	if allowedBy != "" {
		return request.Allow, allowedBy, nil
	}
	if len(missing) > 0 {
		return request.NoOpinion, fmt.Sprintf("RBAC: %v", joined(missing)), nil
	}
	return request.NoOpinion, "", nil
}

// because tells which binding allows, as the audit log's annotation
// authorization.k8s.io/reason has it.
func because(s subject, b *binding) string {
	kind, name := "RoleBinding", b.name+"/"+b.namespace
	if b.namespace == "" {
		kind, name = "ClusterRoleBinding", b.name
	}
	return fmt.Sprintf("RBAC: allowed by %s %q of %s %q to %s", kind, name, b.role.Kind, b.role.Name, describeSubject(s, b))
}

func describeSubject(s subject, b *binding) string {
	for _, bound := range b.subjects {
		if subjectID(bound, b.namespace) != s {
			continue
		}
		if bound.Kind == rbacv1.ServiceAccountKind {
			return fmt.Sprintf("%s %q", bound.Kind, bound.Name+"/"+bound.Namespace)
		}
		return fmt.Sprintf("%s %q", bound.Kind, bound.Name)
	}
	return fmt.Sprintf("User %q", s.name)
}

// joined writes several errors as one, in brackets.
func joined(list []error) error {
	if len(list) == 1 {
		return list[0]
	}
	text := "["
	for i, err := range list {
		if i > 0 {
			text += ", "
		}
		text += err.Error()
	}
	return errors.New(text + "]")
}
