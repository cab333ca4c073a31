package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slowmo/pkg/apiserver/request"
)

func readPolicy(t *testing.T, text string) (*Policy, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadPolicy(path)
}

const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

func TestPolicyIsChecked(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"{", "is no audit policy"},
		{head + "rules: [{level: Metadata, resource: x}]", `unknown field "resource"`},
		{head, "has no rules"},
		{"apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]", `is a "Policy" of "audit.k8s.io/v1beta1": give a Policy of audit.k8s.io/v1`},
		{head + "rules: [{users: [x]}]", "rules[0].level: Required value"},
		{head + "rules: [{level: All}]", `rules[0].level: Unsupported value: "All": supported values: "None", "Metadata"`},
		{head + "rules: [{level: None, nonResourceURLs: [x]}]", "must begin with a '/' character"},
		{head + "rules: [{level: None, nonResourceURLs: ['/*/x']}]", "must be the final character"},
		{head + "rules: [{level: None, nonResourceURLs: [/x], namespaces: [y]}]", "cannot apply to both"},
		{head + "rules: [{level: None, resources: [{resourceNames: [x]}]}]", "requires at least one resource"},
		{head + "rules: [{level: None, resources: [{group: a_b}]}]", "rules[0].resources[0].group: Invalid value"},
		{head + "omitStages: [Never]\nrules: [{level: None}]", "omitStages[0]: Invalid value: \"Never\""},
	} {
		if _, err := readPolicy(t, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := ReadPolicy("/does/not/exist"); err == nil {
		t.Error("a missing file was read")
	}
}

func TestRules(t *testing.T) {
	policy, err := readPolicy(t, head+`
omitManagedFields: true
rules:
- {level: None, users: [bob], verbs: [watch]}
- {level: Request, userGroups: [ops], omitManagedFields: false}
- level: RequestResponse
  namespaces: [prod]
  resources: [{group: "", resources: [pods/*, secrets]}, {group: apps}]
- {level: Metadata, resources: [{group: "", resources: [configmaps], resourceNames: [one]}]}
- {level: Metadata, resources: [{group: "", resources: ["*/status"]}]}
- {level: Metadata, nonResourceURLs: [/healthz*, /version]}
`)
	if err != nil {
		t.Fatal(err)
	}
	resource := func(verb, namespace, path string) *request.Info {
		parts := strings.Split(path, "/")
		info := &request.Info{IsResource: true, Verb: verb, Namespace: namespace, Resource: parts[0]}
		if len(parts) > 1 {
			info.Subresource = parts[1]
		}
		return info
	}
	one := resource("get", "x", "configmaps")
	one.Name = "one"
	apps := resource("get", "prod", "deployments")
	apps.APIGroup = "apps"
	bob, ann := &request.User{Name: "bob"}, &request.User{Name: "ann", Groups: []string{"ops"}}
	for _, tt := range []struct {
		user *request.User
		info *request.Info
		want Level
	}{
		{bob, resource("watch", "prod", "secrets"), LevelNone},
		{bob, resource("get", "prod", "secrets"), LevelRequestResponse},
		{bob, resource("get", "test", "secrets"), LevelNone},
		{bob, resource("get", "prod", "secrets/status"), LevelMetadata},
		{bob, resource("get", "prod", "pods/log"), LevelRequestResponse},
		{bob, resource("get", "prod", "pods"), LevelRequestResponse},
		{bob, apps, LevelRequestResponse},
		{bob, one, LevelMetadata},
		{bob, resource("get", "x", "configmaps"), LevelNone},
		{ann, resource("get", "x", "configmaps"), LevelRequest},
		{bob, &request.Info{Path: "/healthz/etcd", Verb: "get"}, LevelMetadata},
		{bob, &request.Info{Path: "/version/x", Verb: "get"}, LevelNone},
	} {
		d := policy.decide(tt.user, tt.info)
		if d.level != tt.want || d.level != LevelNone && d.omitManaged != (tt.user == bob) {
			t.Errorf("%s %s %s%s/%s: %+v, want %s", tt.user.Name, tt.info.Verb, tt.info.Path, tt.info.Resource, tt.info.Subresource, d, tt.want)
		}
	}
}
