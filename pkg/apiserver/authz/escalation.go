package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/apiserver/request"
)

// Escalation keeps users from giving permissions that they do not hold.
//
// Who writes a role must hold every rule of it or have the verb "escalate" on it; who
// writes a binding must hold every rule of the role it refers to or have the
// verb "bind" on that role.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
type Escalation struct {
	Policy     *Policy
	Authorizer request.Authorizer
}

// Role checks a write of a Role or ClusterRole with these rules.
func (e *Escalation) Role(ctx context.Context, user *request.User, resource schema.GroupResource, namespace, name string, rules []rbacv1.PolicyRule) error {
	if e.may(ctx, user, "escalate", resource, namespace, name) {
		return nil
	}
	return e.confirm(user, resource, namespace, name, rules)
}

// Aggregated checks a write of a ClusterRole that sums up others: its rules may
// become anything, so the writer must hold everything.
func (e *Escalation) Aggregated(ctx context.Context, user *request.User, resource schema.GroupResource, name string) error {
	if e.may(ctx, user, "escalate", resource, "", name) {
		return nil
	}
	everything := []rbacv1.PolicyRule{
		{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
	}
	if e.confirm(user, resource, "", name, everything) == nil {
		return nil
	}
	return apierrors.NewForbidden(resource, name, errors.New("must have cluster-admin privileges to use the aggregationRule"))
}

// Binding checks a write of a binding that refers to a role.
func (e *Escalation) Binding(ctx context.Context, user *request.User, resource schema.GroupResource, namespace, name string, ref rbacv1.RoleRef) error {
	role := schema.GroupResource{Group: ref.APIGroup, Resource: "roles"}
	switch {
	case user.In(request.GroupMasters):
		return nil
	case ref.Kind == "ClusterRole":
		role.Resource = "clusterroles"
	case ref.Kind != "Role":
		return fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
	}
	if e.may(ctx, user, "bind", role, namespace, ref.Name) {
		return nil
	}
	rules, there := e.Policy.RoleRules(namespace, ref)
	if !there {
		return apierrors.NewNotFound(resource, ref.Name) // upstream names the binding's resource here
	}
	return e.confirm(user, resource, namespace, name, rules)
}

func (e *Escalation) may(ctx context.Context, user *request.User, verb string, resource schema.GroupResource, namespace, name string) bool {
	if user.In(request.GroupMasters) {
		return true
	}
	decision, _, _ := e.Authorizer.Authorize(ctx, &request.Authorization{User: user, Info: &request.Info{
		IsResource: true,
		Verb:       verb,
		APIGroup:   resource.Group,
		APIVersion: "*",
		Resource:   resource.Resource,
		Namespace:  namespace,
		Name:       name,
	}})
	return decision == request.Allow
}

func (e *Escalation) confirm(user *request.User, resource schema.GroupResource, namespace, name string, rules []rbacv1.PolicyRule) error {
	held, unresolved := e.Policy.RulesFor(user, namespace)
	missing := Uncovered(held, rules)
	if len(missing) == 0 {
		return nil
	}
	var lines []string
	for _, rule := range compact(missing) {
		lines = append(lines, compactString(rule))
	}
	slices.Sort(lines)
	text := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		user.Name, user.Groups, strings.Join(slices.Compact(lines), "\n"))
	if len(unresolved) > 0 {
		text += fmt.Sprintf("; resolution errors: %v", unresolved)
	}
	return apierrors.NewForbidden(resource, name, errors.New(text))
}

// Uncovered returns what of wanted no held rule covers, each as a rule of one
// verb on one resource (or name, or path).
func Uncovered(held, wanted []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var missing []rbacv1.PolicyRule
	for _, rule := range wanted {
		for _, single := range breakdown(rule) {
			if !slices.ContainsFunc(held, func(h rbacv1.PolicyRule) bool { return covers(h, single) }) {
				missing = append(missing, single)
			}
		}
	}
	return missing
}

// breakdown splits a rule into all its combinations.
func breakdown(rule rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				single := rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{verb}}
				if len(rule.ResourceNames) == 0 {
					out = append(out, single)
				}
				for _, name := range rule.ResourceNames {
					named := single
					named.ResourceNames = []string{name}
					out = append(out, named)
				}
			}
		}
	}
	for _, path := range rule.NonResourceURLs {
		for _, verb := range rule.Verbs {
			out = append(out, rbacv1.PolicyRule{NonResourceURLs: []string{path}, Verbs: []string{verb}})
		}
	}
	return out
}

// covers says whether held gives all that single, a rule from breakdown, does.
func covers(held, single rbacv1.PolicyRule) bool {
	if !hasOrAll(held.Verbs, single.Verbs[0]) {
		return false
	}
	if len(single.NonResourceURLs) > 0 {
		return pathMatches(held.NonResourceURLs, single.NonResourceURLs[0])
	}
	resource, subresource, _ := strings.Cut(single.Resources[0], "/")
	if !hasOrAll(held.APIGroups, single.APIGroups[0]) || !resourceMatches(held.Resources, resource, subresource) {
		return false
	}
	if len(held.ResourceNames) == 0 {
		return true
	}
	return len(single.ResourceNames) > 0 && slices.Contains(held.ResourceNames, single.ResourceNames[0])
}

// compact joins rules on the same resource and name into one with all the verbs.
// Rules on paths stay as they are, as upstream leaves them.
func compact(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	at := map[string]int{}
	for _, rule := range rules {
		target := rule
		target.Verbs = nil
		id := compactString(target)
		if i, there := at[id]; there && len(rule.Resources) > 0 {
			out[i].Verbs = append(out[i].Verbs, rule.Verbs...)
			continue
		}
		at[id] = len(out)
		rule.Verbs = slices.Clone(rule.Verbs)
		out = append(out, rule)
	}
	return out
}

// compactString writes a rule as error messages show it:
// {APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}.
func compactString(rule rbacv1.PolicyRule) string {
	var parts []string
	for _, part := range []struct {
		name   string
		values []string
	}{
		{"APIGroups", rule.APIGroups},
		{"Resources", rule.Resources},
		{"NonResourceURLs", rule.NonResourceURLs},
		{"ResourceNames", rule.ResourceNames},
		{"Verbs", rule.Verbs},
	} {
		if len(part.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", part.name, part.values))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
