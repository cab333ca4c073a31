package cluster

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"slowmo/deploy"
	"slowmo/pkg/pki"
)

// monitoring is who Prometheus is. ClusterRole system:monitoring, which every
// cluster has, lets the group read health and metrics.
func monitoring() pki.Identity {
	return pki.Identity{User: "prometheus", Groups: []string{"system:monitoring"}}
}

// roles are the rights that a user here needs beside upstream's roles, by the
// names of their ClusterRoles.
var roles = []struct {
	name string
	user string
	rule rbacv1.PolicyRule
}{{
	// Host ports are the proxy's, so it has to know the pods that have some.
	"slowmo:host-ports", pki.Proxy().User,
	rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "watch"}},
}, {
	// What the kubelet asks about somebody who wants its metrics.
	"slowmo:monitoring", monitoring().User,
	rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes/metrics"}, Verbs: []string{"get"}},
}}

// grant gives the roles, and writes Prometheus' configuration.
func (c *Cluster) grant(ctx context.Context) error {
	if err := pki.WriteFile(c.config.Prometheus(), deploy.Prometheus, 0o644); err != nil {
		return err
	}
	client, err := Client(c.config.Paths)
	if err != nil {
		return err
	}
	for _, r := range roles {
		if err := grantRole(ctx, client, r.name, r.user, r.rule); err != nil {
			return fmt.Errorf("give ClusterRole %s to %s: %w", r.name, r.user, err)
		}
	}
	return nil
}

// grantRole makes the role and its binding, and leaves those that are there.
func grantRole(ctx context.Context, client kubernetes.Interface, name, user string, rule rbacv1.PolicyRule) error {
	meta := metav1.ObjectMeta{Name: name}
	_, err := client.RbacV1().ClusterRoles().Create(ctx,
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
