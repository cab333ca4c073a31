package clusterrole

import (
	"context"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

func part(name, verb string, labels map[string]string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Rules: []rbacv1.PolicyRule{{Verbs: []string{verb}, Resources: []string{"pods"}}}}
}

func TestAggregationIsTheUnionByName(t *testing.T) {
	in := map[string]string{"to": "view"}
	view := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "view", UID: "u", Labels: in},
		AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: in}}}}
	parts := []*rbacv1.ClusterRole{part("b", "list", in), part("a", "get", in), part("c", "get", in), part("d", "watch", nil), view}
	w := controltest.New(view)
	c := New(w.Env).(*controller)
	controltest.Cache(t, w.Informers.Rbac().V1().ClusterRoles().Informer(), parts...)
	if err := c.sync(context.Background(), "view"); err != nil {
		t.Fatal(err)
	}
	want := `patch clusterroles /view {"metadata":{"uid":"u"},"rules":[{"verbs":["get"],"resources":["pods"]},{"verbs":["list"],"resources":["pods"]}]}`
	if got := w.Writes(); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	stored, err := w.Client.RbacV1().ClusterRoles().Get(context.Background(), "view", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	controltest.Cache(t, w.Informers.Rbac().V1().ClusterRoles().Informer(), stored)
	w.Client.ClearActions()
	if err := c.sync(context.Background(), "view"); err != nil || w.Writes() != "" {
		t.Errorf("the second sync wrote again: %v", err)
	}
}
