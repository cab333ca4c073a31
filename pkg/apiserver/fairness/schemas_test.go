package fairness

import (
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"slowmo/pkg/apiserver/request"
)

func user(name string, groups ...string) *request.User {
	return &request.User{Name: name, Groups: append(groups, request.GroupAuthenticated)}
}

func TestClassify(t *testing.T) {
	s := Builtin()
	account := user("system:serviceaccount:a:b", "system:serviceaccounts", "system:serviceaccounts:a")
	manager := user("system:serviceaccount:kube-system:x", "system:serviceaccounts", "system:serviceaccounts:kube-system")
	node := user("system:node:n", "system:nodes")
	get := func(path string) *request.Info { return &request.Info{Path: path, Verb: "get"} }
	leases := &request.Info{IsResource: true, Verb: "update", APIGroup: "coordination.k8s.io", Resource: "leases", Namespace: "kube-system"}
	for _, tt := range []struct {
		user  *request.User
		info  *request.Info
		want  string
		seats string
	}{
		{user("admin", "system:masters"), pods, "exempt/exempt", "global-default"},
		{user("x"), get("/readyz/etcd"), "exempt/probes", "global-default"},
		{user("x"), get("/readyzes"), "global-default/global-default", "global-default"},
		{&request.User{Name: request.Anonymous, Groups: []string{request.GroupUnauthenticated}}, get("/livez"), "exempt/probes", "global-default"},
		{node, leases, "node-high/system-node-high", "node-high"},
		{node, &request.Info{IsResource: true, Verb: "patch", Resource: "nodes", Subresource: "status"}, "node-high/system-node-high", "node-high"},
		{node, pods, "system/system-nodes", "system"},
		{user("x"), leases, "global-default/global-default", "leader-election"},
		{user("system:kube-scheduler"), leases, "leader-election/system-leader-election", "leader-election"},
		{user("system:kube-scheduler"), pods, "workload-high/kube-scheduler", "workload-high"},
		{manager, pods, "workload-high/kube-system-service-accounts", "workload-high"},
		{account, pods, "workload-low/service-accounts", "workload-low"},
		{user("x"), pods, "global-default/global-default", "global-default"},
		{&request.User{Name: "nobody"}, pods, "catch-all/catch-all", "catch-all"},
	} {
		c := s.Classify(tt.user, tt.info)
		if c.Level+"/"+c.Schema != tt.want || c.exempt != (c.Level == "exempt") || seats(c, tt.info) != tt.seats {
			t.Errorf("%s for %v: %+v with the seats of %s, want %s, %s", tt.user.Name, tt.info, c, seats(c, tt.info), tt.want, tt.seats)
		}
	}
}

// A stored schema is asked by its precedence, of two that have the same the one
// whose name comes first, and none whose level is not there.
func TestOrder(t *testing.T) {
	s := Builtin()
	all := []flowcontrolv1.PolicyRulesWithSubjects{{
		Subjects:      []flowcontrolv1.Subject{{Kind: "User", User: &flowcontrolv1.UserSubject{Name: "*"}}},
		ResourceRules: []flowcontrolv1.ResourcePolicyRule{{Verbs: []string{"list"}, APIGroups: []string{"*"}, Resources: []string{"pods"}, ClusterScope: true}},
	}}
	for name, level := range map[string]string{"b": "mine", "a": "none", "c": "exempt"} {
		schema := &flowcontrolv1.FlowSchema{Spec: flowcontrolv1.FlowSchemaSpec{MatchingPrecedence: 7, Rules: all}}
		schema.Name, schema.Spec.PriorityLevelConfiguration.Name = name, level
		s.schemas[name] = schema
	}
	s.levels["mine"] = &flowcontrolv1.PriorityLevelConfiguration{}
	s.levels["mine"].Name, s.levels["mine"].UID = "mine", "1"
	delete(s.schemas, "exempt")
	delete(s.levels, "exempt")
	s.order.Store(ordered(s.schemas, s.levels))
	for who, want := range map[string]string{"x": "b", "system:masters": "exempt"} {
		if c := s.Classify(user(who, who), pods); c.Schema != want {
			t.Errorf("%s is of %+v, want %s", who, c, want)
		}
	}
	namespaced := *pods
	namespaced.Namespace = "n"
	if c := s.Classify(user("x"), &namespaced); c.Schema != "global-default" {
		t.Errorf("a rule of cluster scope is about a namespace: %+v", c)
	}
	wanted := s.outdated()
	if c := wanted["a"]; c.Status != "True" || c.Reason != "NotFound" ||
		c.Message != `This FlowSchema references the PriorityLevelConfiguration object named "none" but there is no such object` {
		t.Errorf("the condition of a schema without a level is %+v", c)
	}
	if c := wanted["c"]; c.Status != "False" {
		t.Errorf("the mandatory level is missed: %+v", c)
	}
}

func TestRules(t *testing.T) {
	named := func(kind, name string) flowcontrolv1.Subject {
		return flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKind(kind), User: &flowcontrolv1.UserSubject{Name: name},
			Group: &flowcontrolv1.GroupSubject{Name: name}, ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: "ns", Name: name}}
	}
	for _, tt := range []struct {
		user    string
		subject flowcontrolv1.Subject
		want    bool
	}{
		{"x", named("User", "x"), true}, {"x", named("User", "*"), true}, {"x", named("User", "y"), false},
		{"x", named("Group", "*"), true}, {"x", named("Group", "system:authenticated"), true}, {"x", named("Group", "x"), false},
		{"system:serviceaccount:ns:a", named("ServiceAccount", "a"), true}, {"system:serviceaccount:ns:a", named("ServiceAccount", "*"), true},
		{"system:serviceaccount:nsx:a", named("ServiceAccount", "*"), false}, {"a", named("ServiceAccount", "a"), false},
	} {
		if is(user(tt.user), tt.subject) != tt.want {
			t.Errorf("%s is %v: %t", tt.user, tt.subject, !tt.want)
		}
	}
	for path, want := range map[string]bool{"/a": true, "/a/b": true, "/ab": false} {
		if below(path, "/a") != want || !below(path, "*") || below(path, "/a/*") != (path == "/a/b") {
			t.Errorf("%s is below wrongly", path)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	s, who := Builtin(), user("x")
	for b.Loop() {
		s.Classify(who, pods)
	}
}
