package authz

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/apiserver/request"
)

func TestEscalation(t *testing.T) {
	p := samplePolicy()
	p.SetClusterRole("binder", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{rule("bind", rbacv1.GroupName, "clusterroles", "scaler")}})
	p.SetClusterRole("escalator", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{rule("escalate", rbacv1.GroupName, "roles clusterroles")}})
	p.SetBinding("", "binder", roleRef("ClusterRole", "binder"), []rbacv1.Subject{{Kind: "User", Name: "bob"}})
	p.SetBinding("", "escalator", roleRef("ClusterRole", "escalator"), []rbacv1.Subject{{Kind: "User", Name: "eve"}})
	e := &Escalation{Policy: p, Authorizer: p}
	roles := schema.GroupResource{Group: rbacv1.GroupName, Resource: "roles"}
	bindings := schema.GroupResource{Group: rbacv1.GroupName, Resource: "rolebindings"}
	alice, bob, eve := &request.User{Name: "alice", Groups: []string{"a", "b"}}, &request.User{Name: "bob"}, &request.User{Name: "eve"}

	role := func(user *request.User, rules ...rbacv1.PolicyRule) error {
		return e.Role(t.Context(), user, roles, "dev", "r", rules)
	}
	bind := func(user *request.User, name string) error {
		return e.Binding(t.Context(), user, bindings, "dev", "b", roleRef("ClusterRole", name))
	}
	for _, test := range []struct {
		name string
		err  error
		want string // empty: allowed
	}{
		{"gives what she holds", role(alice, rule("get list", "", "pods")), ""},
		{"gives a part of it", role(alice, rule("get", "", "pods", "one")), ""},
		{"gives more verbs", role(alice, rule("get delete create", "", "pods")),
			"roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"alice\" (groups=[\"a\" \"b\"]) is attempting to grant RBAC permissions not currently held:\n" +
				`{APIGroups:[""], Resources:["pods"], Verbs:["delete" "create"]}`},
		{"gives everything", role(alice, rule("*", "*", "*")), `{APIGroups:["*"], Resources:["*"], Verbs:["*"]}`},
		{"gives a path", role(alice, rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}}), `{NonResourceURLs:["/metrics"], Verbs:["get"]}`},
		{"may escalate", role(eve, rule("*", "*", "*")), ""},
		{"is a master", role(&request.User{Name: "root", Groups: []string{request.GroupMasters}}, rule("*", "*", "*")), ""},
		{"binds what she holds", bind(alice, "reader"), ""},
		{"binds what she does not hold", bind(alice, "scaler"), `rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "alice"`},
		{"may bind", bind(bob, "scaler"), ""},
		{"binds nothing", bind(alice, "gone"), `rolebindings.rbac.authorization.k8s.io "gone" not found`},
	} {
		switch {
		case test.want == "" && test.err != nil:
			t.Errorf("%s: refused: %v", test.name, test.err)
		case test.want != "" && (test.err == nil || !strings.Contains(test.err.Error(), test.want)):
			t.Errorf("%s: got %v, want %s", test.name, test.err, test.want)
		}
	}
}
