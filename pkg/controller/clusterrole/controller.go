// Package clusterrole fills the rules of ClusterRoles that aggregate others: the
// union of those that their label selectors find.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
package clusterrole

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "clusterrole-aggregation-controller"

type controller struct {
	env   *control.Env
	queue *cause.Queue[string]
	roles rbaclisters.ClusterRoleLister
}

// New makes the controller.
func New(env *control.Env) control.Controller {
	roles := env.Informers.Rbac().V1().ClusterRoles()
	c := &controller{env: env, queue: cause.NewQueue[string]("clusterrole_aggregation"), roles: roles.Lister()}
	control.Watch(env, roles.Informer(), "clusterroles.rbac.authorization.k8s.io", c.changed)
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, 1, c.sync)
	return nil
}

// changed wakes every role that aggregates: any role may be a part of any of them.
func (c *controller) changed(e control.Event[*rbacv1.ClusterRole]) {
	all, _ := c.roles.List(labels.Everything()) // a cache list has no errors
	for _, role := range all {
		if role.AggregationRule != nil {
			c.queue.Add(role.Name, e.Ref)
		}
	}
}

func (c *controller) sync(ctx context.Context, name string) error {
	role, err := c.roles.Get(name)
	if err != nil || role.AggregationRule == nil {
		return nil
	}
	all, err := c.roles.List(labels.Everything())
	if err != nil {
		return err
	}
	rules, err := aggregate(role, all)
	if err != nil || equality.Semantic.DeepEqual(rules, role.Rules) {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": role.UID}, "rules": rules})
	if err != nil {
		return err
	}
	_, err = c.env.Client.RbacV1().ClusterRoles().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// aggregate returns the rules of all roles that role selects, selector by selector
// and by name, each rule once.
func aggregate(role *rbacv1.ClusterRole, all []*rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	all = slices.SortedFunc(slices.Values(all), func(a, b *rbacv1.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
	rules := []rbacv1.PolicyRule{}
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return nil, err
		}
		for _, part := range all {
			if part.Name == role.Name || !selector.Matches(labels.Set(part.Labels)) {
				continue
			}
			for _, rule := range part.Rules {
				if !slices.ContainsFunc(rules, func(have rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(have, rule) }) {
					rules = append(rules, rule)
				}
			}
		}
	}
	return rules, nil
}
