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

// roles are the rights that a user here has beside those that upstream gives. Each is
// a ClusterRole of its own, with rules, or one of upstream's, and a binding of that name.
var roles = []struct {
	name, user string
	rules      []rbacv1.PolicyRule // of the ClusterRole name
	existing   string              // ClusterRole; then there are no rules
}{
	// Host ports are the proxy's, so it has to know the pods that have some.
	{name: "slowmo:host-ports", user: pki.Proxy().User,
		rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "watch"}}}},
	// What the kubelet asks about somebody who wants its metrics.
	{name: "slowmo:monitoring", user: monitoring().User,
		rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes/metrics"}, Verbs: []string{"get"}}}},
	// And about the API server that asks for a log or an exec on a person's behalf.
	{name: "slowmo:apiserver-kubelet-client", user: pki.KubeletClient().User, existing: "system:kubelet-api-admin"},
}

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
		role := r.existing
		if role == "" {
			role = r.name
			if err := makeRole(ctx, client, r.name, r.rules); err != nil {
				return fmt.Errorf("make ClusterRole %s: %w", r.name, err)
			}
		}
		if err := bindRole(ctx, client, r.name, role, r.user); err != nil {
			return fmt.Errorf("give ClusterRole %s to %s: %w", role, r.user, err)
		}
	}
	return nil
}

// makeRole makes the role, or leaves the one that is there.
func makeRole(ctx context.Context, client kubernetes.Interface, name string, rules []rbacv1.PolicyRule) error {
	_, err := client.RbacV1().ClusterRoles().Create(ctx,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	return unlessExists(err)
}

// bindRole makes the binding, or leaves the one that is there.
func bindRole(ctx context.Context, client kubernetes.Interface, name, role, user string) error {
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	return unlessExists(err)
}

func unlessExists(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
