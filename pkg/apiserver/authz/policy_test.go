package authz

import (
	"context"
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/apiserver/request"
)

func rule(verbs, groups, resources string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{
		Verbs:         strings.Fields(verbs),
		APIGroups:     strings.Split(groups, " "),
		Resources:     strings.Fields(resources),
		ResourceNames: names,
	}
}

func roleRef(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}

// samplePolicy is what the tables below ask about.
func samplePolicy() *Policy {
	p := NewPolicy()
	p.SetClusterRole("reader", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{rule("get list watch", "", "pods pods/log")}})
	p.SetClusterRole("scaler", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{rule("*", "*", "*/scale")}})
	p.SetClusterRole("paths", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics", "/healthz/*"}},
	}})
	p.SetRole("dev", "one", &rbacv1.Role{Rules: []rbacv1.PolicyRule{rule("get update", "", "configmaps", "only")}})

	p.SetBinding("", "readers", roleRef("ClusterRole", "reader"), []rbacv1.Subject{{Kind: "User", Name: "alice"}})
	p.SetBinding("", "paths", roleRef("ClusterRole", "paths"), []rbacv1.Subject{{Kind: "Group", Name: "monitors"}})
	p.SetBinding("dev", "readers", roleRef("ClusterRole", "reader"), []rbacv1.Subject{{Kind: "Group", Name: "devs"}})
	p.SetBinding("dev", "one", roleRef("Role", "one"), []rbacv1.Subject{{Kind: "ServiceAccount", Name: "app"}})
	p.SetBinding("dev", "scalers", roleRef("ClusterRole", "scaler"), []rbacv1.Subject{{Kind: "User", Name: "carol"}})
	p.SetBinding("dev", "lost", roleRef("Role", "gone"), []rbacv1.Subject{{Kind: "User", Name: "carol"}})
	return p
}

func info(verb, group, resource, namespace, name string) *request.Info {
	parent, sub, _ := strings.Cut(resource, "/")
	return &request.Info{IsResource: true, Verb: verb, APIGroup: group, Resource: parent, Subresource: sub, Namespace: namespace, Name: name}
}

func TestPolicy(t *testing.T) {
	app := request.ServiceAccountUserPrefix + "dev:app"
	onlySelected := info("list", "", "configmaps", "dev", "")
	onlySelected.FieldSelector = "metadata.name=only"
	for _, test := range []struct {
		user   string
		groups []string
		info   *request.Info
		want   request.Decision
		reason string
	}{
		{"alice", nil, info("list", "", "pods", "default", ""), request.Allow, `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to User "alice"`},
		{"alice", nil, info("list", "", "pods", "", ""), request.Allow, ""},
		{"alice", nil, info("get", "", "pods/log", "x", "p"), request.Allow, ""},
		{"alice", nil, info("get", "", "pods/exec", "x", "p"), request.NoOpinion, ""},
		{"alice", nil, info("delete", "", "pods", "x", "p"), request.NoOpinion, ""},
		{"alice", nil, info("list", "apps", "pods", "x", ""), request.NoOpinion, ""},
		{"bob", []string{"devs"}, info("list", "", "pods", "dev", ""), request.Allow, `RBAC: allowed by RoleBinding "readers/dev" of ClusterRole "reader" to Group "devs"`},
		{"bob", []string{"devs"}, info("list", "", "pods", "prod", ""), request.NoOpinion, ""},
		{"bob", []string{"devs"}, info("list", "", "pods", "", ""), request.NoOpinion, ""},
		{app, nil, info("get", "", "configmaps", "dev", "only"), request.Allow, ""},
		{app, nil, info("get", "", "configmaps", "dev", "other"), request.NoOpinion, ""},
		{app, nil, info("get", "", "configmaps", "dev", ""), request.NoOpinion, ""},
		{app, nil, onlySelected, request.NoOpinion, ""},
		{"carol", nil, info("update", "apps", "deployments/scale", "dev", "d"), request.Allow, ""},
		{"carol", nil, info("update", "apps", "deployments", "dev", "d"), request.NoOpinion, `RBAC: role.rbac.authorization.k8s.io "gone" not found`},
		{"eve", []string{"monitors"}, &request.Info{Verb: "get", Path: "/metrics"}, request.Allow, ""},
		{"eve", []string{"monitors"}, &request.Info{Verb: "get", Path: "/healthz/etcd"}, request.Allow, ""},
		{"eve", []string{"monitors"}, &request.Info{Verb: "post", Path: "/metrics"}, request.NoOpinion, ""},
		{"eve", []string{"monitors"}, &request.Info{Verb: "get", Path: "/metrics/slis"}, request.NoOpinion, ""},
	} {
		t.Run(fmt.Sprintf("%s %s %s%s in %q", test.user, test.info.Verb, test.info.Path, fullResource(test.info), test.info.Namespace), func(t *testing.T) {
			got, reason, err := samplePolicy().Authorize(t.Context(), &request.Authorization{
				User: &request.User{Name: test.user, Groups: test.groups}, Info: test.info,
			})
			if err != nil || got != test.want {
				t.Errorf("got %v (%q, %v), want %v", got, reason, err, test.want)
			}
			if test.reason != "" && reason != test.reason {
				t.Errorf("reason %q, want %q", reason, test.reason)
			}
		})
	}
}

func TestPolicyFollowsChanges(t *testing.T) {
	p := samplePolicy()
	ask := func() bool {
		d, _, _ := p.Authorize(t.Context(), &request.Authorization{User: &request.User{Name: "alice"}, Info: info("list", "", "pods", "x", "")})
		return d == request.Allow
	}
	if !ask() {
		t.Fatal("alice may not at first")
	}
	p.SetBinding("", "readers", roleRef("ClusterRole", "reader"), []rbacv1.Subject{{Kind: "User", Name: "zoe"}})
	if ask() {
		t.Error("alice may after the binding went to zoe")
	}
	p.SetBinding("", "readers", roleRef("ClusterRole", "reader"), []rbacv1.Subject{{Kind: "User", Name: "alice"}})
	p.SetClusterRole("reader", nil)
	if ask() {
		t.Error("alice may after the role went")
	}
}

func TestAggregation(t *testing.T) {
	p := NewPolicy()
	sum := func(label string) *rbacv1.AggregationRule {
		return &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{label: "true"}}}}
	}
	labelled := func(label string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
		return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{label: "true"}}, Rules: rules}
	}
	p.SetClusterRole("admin", &rbacv1.ClusterRole{AggregationRule: sum("to-admin")})
	view := labelled("to-admin")
	view.AggregationRule = sum("to-view")
	p.SetClusterRole("view", view)
	p.SetClusterRole("part", labelled("to-view", rule("get", "example.com", "foos")))
	p.SetBinding("ns", "b", roleRef("ClusterRole", "admin"), []rbacv1.Subject{{Kind: "User", Name: "u"}})
	ask := func() request.Decision {
		d, _, _ := p.Authorize(t.Context(), &request.Authorization{User: &request.User{Name: "u"}, Info: info("get", "example.com", "foos", "ns", "f")})
		return d
	}
	if ask() != request.Allow {
		t.Error("the rule did not reach admin through view")
	}
	p.SetClusterRole("part", labelled("elsewhere", rule("get", "example.com", "foos")))
	if ask() != request.NoOpinion {
		t.Error("the rule stayed after its role lost the label")
	}
}

func TestForbiddenText(t *testing.T) {
	user := &request.User{Name: "x"}
	for _, test := range []struct {
		info   *request.Info
		reason string
		want   string
	}{
		{info("list", "", "pods", "default", ""), "", `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`},
		{info("get", "apps", "deployments/scale", "default", "web"), "", `deployments.apps "web" is forbidden: User "x" cannot get resource "deployments/scale" in API group "apps" in the namespace "default"`},
		{info("list", "", "nodes", "", ""), "why", `nodes is forbidden: User "x" cannot list resource "nodes" in API group "" at the cluster scope: why`},
		{&request.Info{Verb: "get", Path: "/metrics"}, "", `forbidden: User "x" cannot get path "/metrics"`},
	} {
		if got := Forbidden(&request.Authorization{User: user, Info: test.info}, test.reason).Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	p := samplePolicy()
	for i := range 500 {
		name := fmt.Sprint("role", i)
		p.SetClusterRole(name, &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{
			rule("get list watch", "apps", "deployments replicasets statefulsets"),
			rule("create update patch", "", "events"),
		}})
		p.SetBinding("", name, roleRef("ClusterRole", name), []rbacv1.Subject{{Kind: "Group", Name: fmt.Sprint("group", i%50)}})
	}
	user := &request.User{Name: "alice", Groups: []string{"group1", "group2", "group3", request.GroupAuthenticated}}
	for _, test := range []struct {
		name string
		info *request.Info
	}{
		{"allowed", info("list", "", "pods", "default", "")},
		{"refused", info("delete", "", "secrets", "default", "s")},
	} {
		b.Run(test.name, func(b *testing.B) {
			a := &request.Authorization{User: user, Info: test.info}
			b.ReportAllocs()
			for b.Loop() {
				p.Authorize(context.Background(), a)
			}
		})
	}
}
