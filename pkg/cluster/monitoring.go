package cluster

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/deploy"
	"slowmo/pkg/pki"
)

// monitoring is who Prometheus is. ClusterRole system:monitoring, which every
// cluster has, lets the group read health and metrics; the kubelet asks for a
// right of its own, which allowMonitoring gives the user.
func monitoring() pki.Identity {
	return pki.Identity{User: "prometheus", Groups: []string{"system:monitoring"}}
}

// allowMonitoring lets Prometheus scrape kubelets, and writes its configuration.
func (c *Cluster) allowMonitoring(ctx context.Context) error {
	if err := pki.WriteFile(c.config.Prometheus(), deploy.Prometheus, 0o644); err != nil {
		return err
	}
	client, err := Client(c.config.Paths)
	if err != nil {
		return err
	}
	const name = "slowmo:monitoring"
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes/metrics"}, Verbs: []string{"get"}}},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: monitoring().User}},
	}
	_, err = client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
	if err == nil || apierrors.IsAlreadyExists(err) {
		_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("let Prometheus scrape kubelets: %w", err)
	}
	return nil
}
