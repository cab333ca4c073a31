package apiserver

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// identities is a server with all ways to say who one is, and all admission.
type identities struct {
	*testing.T
	*started
}

func newIdentities(t *testing.T) *identities {
	t.Helper()
	o, err := testOptions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := os.ReadFile(o.TokenAuthFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.TokenAuthFile, append(tokens, "agent-token,agent,3,\"agents\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	o.BootstrapTokens = true
	s, err := launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return &identities{t, s}
}

// as sends a request with a token, empty for none. headers are "Name: value" lines.
func (s *identities) as(token, method, path, body string, headers ...string) answerOf {
	s.Helper()
	if token != "" {
		headers = append(headers, "Authorization: Bearer "+token)
	}
	out, err := s.send(method, s.url+path, body, append([]string{"Content-Type: application/json"}, headers...)...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// make creates something as the administrator.
func (s *identities) make(path, body string) answerOf {
	s.Helper()
	got := s.as("admin-token", "POST", path, body)
	if got.code != 201 {
		s.Fatalf("%s: %d %s", path, got.code, got.raw)
	}
	return got
}

const whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

// expect checks an answer: its code, and values by path. A string that ends in
// "..." is the value's beginning.
func (s *identities) expect(name string, got answerOf, code int, want map[string]any) {
	s.Helper()
	if got.code != code {
		s.Errorf("%s: code %d, want %d: %s", name, got.code, code, got.raw)
	}
	for path, value := range want {
		found, wanted := fmt.Sprint(got.at(path)), fmt.Sprint(value)
		if prefix, short := strings.CutSuffix(wanted, "..."); found != wanted && !(short && strings.HasPrefix(found, prefix)) {
			s.Errorf("%s: %s is %s, want %s", name, path, found, wanted)
		}
	}
}

func TestIdentities(t *testing.T) {
	s := newIdentities(t)
	s.make("/api/v1/namespaces", `{"metadata":{"name":"id"}}`)
	s.make("/api/v1/namespaces/id/serviceaccounts", `{"metadata":{"name":"app"}}`)
	s.anonymous()
	s.bootstrapTokens()
	s.serviceAccountTokens()
	s.impersonation()
	s.creations()
	s.reviews()
	s.escalation()
	s.nodes()
}

func (s *identities) anonymous() {
	for path, code := range map[string]int{"/livez": 200, "/readyz": 200, "/readyz/etcd": 403, "/version": 200, "/api": 401, "/openid/v1/jwks": 401, "/metrics": 401, "/api/v1/namespaces": 401} {
		s.expect("nobody at "+path, s.as("", "GET", path, ""), code, nil)
	}
	s.expect("a bad token where nobody may go", s.as("nonsense", "GET", "/livez", ""), 401, nil)
	s.expect("a token of the file", s.as("agent-token", "POST", whoami, "{}"), 201, map[string]any{
		"status.userInfo.username": "agent", "status.userInfo.uid": "3", "status.userInfo.groups": "[agents system:authenticated]"})
}

func (s *identities) bootstrapTokens() {
	const token = "abcdef.0123456789abcdef"
	s.expect("before there is a secret", s.as(token, "POST", whoami, "{}"), 401, nil)
	s.make("/api/v1/namespaces/kube-system/secrets", `{"metadata":{"name":"bootstrap-token-abcdef"},"type":"bootstrap.kubernetes.io/token","stringData":{
		"token-id":"abcdef","token-secret":"0123456789abcdef","usage-bootstrap-authentication":"true","auth-extra-groups":"system:bootstrappers:new"}}`)
	s.expect("a bootstrap token", s.as(token, "POST", whoami, "{}"), 201, map[string]any{"status.userInfo.username": "system:bootstrap:abcdef",
		"status.userInfo.groups": "[system:bootstrappers system:bootstrappers:new system:authenticated]"})
}

func (s *identities) serviceAccountTokens() {
	const path = "/api/v1/namespaces/id/serviceaccounts/app/token"
	plain := s.make(path, `{"spec":{}}`)
	token := fmt.Sprint(plain.at("status.token"))
	s.expect("a token", s.as(token, "POST", whoami, "{}"), 201, map[string]any{"status.userInfo.username": "system:serviceaccount:id:app",
		"status.userInfo.groups": "[system:serviceaccounts system:serviceaccounts:id system:authenticated]"})
	s.expect("the keys, for who has a token", s.as(token, "GET", "/openid/v1/jwks", ""), 200, map[string]any{"keys.0.use": "sig"})
	s.expect("the issuer", s.as(token, "GET", "/.well-known/openid-configuration", ""), 200, map[string]any{"issuer": "https://kubernetes.default.svc.cluster.local"})

	other := fmt.Sprint(s.make(path, `{"spec":{"audiences":["vault"]}}`).at("status.token"))
	s.expect("a token for somebody else", s.as(other, "POST", whoami, "{}"), 401, nil)
	review := func(token, audiences string) answerOf {
		return s.make("/apis/authentication.k8s.io/v1/tokenreviews", fmt.Sprintf(`{"spec":{"token":%q,"audiences":[%s]}}`, token, audiences))
	}
	s.expect("whom it is for", review(other, `"vault"`), 201, map[string]any{"status.authenticated": true, "status.audiences": "[vault]", "status.user.username": "system:serviceaccount:id:app"})
	s.expect("whom it is not for", review(other, ``), 201, map[string]any{"status.authenticated": nil, "status.error": "[invalid bearer token, token audiences..."})
	s.expect("a static token for somebody else", review("alice-token", `"vault"`), 201, map[string]any{"status.authenticated": nil, "status.error": "invalid bearer token"})
	s.expect("a short life", s.as("admin-token", "POST", path, `{"spec":{"expirationSeconds":60}}`), 422, map[string]any{
		"message": `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes`})

	s.make("/api/v1/namespaces/id/secrets", `{"metadata":{"name":"anchor"}}`)
	bound := fmt.Sprint(s.make(path, `{"spec":{"boundObjectRef":{"apiVersion":"v1","kind":"Secret","name":"anchor"}}}`).at("status.token"))
	s.expect("a bound token", s.as(bound, "POST", whoami, "{}"), 201, nil)
	s.as("admin-token", "DELETE", "/api/v1/namespaces/id/secrets/anchor", "")
	s.expect("a token whose secret is gone", s.as(bound, "POST", whoami, "{}"), 401, nil)
}

func (s *identities) impersonation() {
	s.expect("the administrator as bob", s.as("admin-token", "POST", whoami, "{}", "Impersonate-User: bob", "Impersonate-Group: dev", "Impersonate-Uid: 9", "Impersonate-Extra-Scopes: view"), 201,
		map[string]any{"status.userInfo.username": "bob", "status.userInfo.groups": "[dev system:authenticated]", "status.userInfo.uid": "9", "status.userInfo.extra.scopes": "[view]"})
	s.expect("alice as bob", s.as("alice-token", "GET", "/api/v1/namespaces/id/pods", "", "Impersonate-User: bob"), 403, map[string]any{
		"message": `pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "id"`, "reason": "Forbidden"})
	s.expect("a group without a user", s.as("admin-token", "GET", "/api", "", "Impersonate-Group: dev"), 400, map[string]any{"message": "requested &user.DefaultInfo{..."})
	s.make("/apis/rbac.authorization.k8s.io/v1/clusterroles", `{"metadata":{"name":"be-bob"},"rules":[{"apiGroups":[""],"resources":["users"],"resourceNames":["bob"],"verbs":["impersonate"]}]}`)
	s.make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"metadata":{"name":"be-bob"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"be-bob"},
		"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"agent"}]}`)
	s.expect("agent as bob, by a role", s.as("agent-token", "POST", whoami, "{}", "Impersonate-User: bob"), 201, map[string]any{"status.userInfo.username": "bob"})
	s.expect("agent as eve", s.as("agent-token", "POST", whoami, "{}", "Impersonate-User: eve"), 403, nil)
}

// creations: who may change objects makes none by the way.
func (s *identities) creations() {
	s.make("/apis/rbac.authorization.k8s.io/v1/namespaces/id/roles", `{"metadata":{"name":"change"},"rules":[{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["patch","update"]}]}`)
	s.make("/apis/rbac.authorization.k8s.io/v1/namespaces/id/rolebindings", `{"metadata":{"name":"change"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"change"},
		"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"agent"}]}`)
	const lease, body = "/apis/coordination.k8s.io/v1/namespaces/id/leases/l", `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"}}`
	refused := map[string]any{"message": `leases.coordination.k8s.io "l" is forbidden: User "agent" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "id"`}
	s.expect("an apply of what is not there", s.as("agent-token", "PATCH", lease+"?fieldManager=m", body, "Content-Type: application/apply-patch+yaml"), 403, refused)
	s.expect("an update of what is not there", s.as("agent-token", "PUT", lease, body), 403, refused)
	s.make("/apis/coordination.k8s.io/v1/namespaces/id/leases", body)
	s.expect("an apply of what is there", s.as("agent-token", "PATCH", lease+"?fieldManager=m", body, "Content-Type: application/apply-patch+yaml"), 200, nil)
}

func (s *identities) reviews() {
	const group = "/apis/authorization.k8s.io/v1/"
	pods := `"resourceAttributes":{"namespace":"id","verb":"list","resource":"pods"}`
	s.expect("may I", s.as("alice-token", "POST", group+"selfsubjectaccessreviews", `{"spec":{`+pods+`}}`), 201, map[string]any{"status.allowed": false})
	s.expect("may I know", s.as("alice-token", "POST", group+"selfsubjectaccessreviews", `{"spec":{"nonResourceAttributes":{"path":"/version","verb":"get"}}}`), 201,
		map[string]any{"status.allowed": true, "status.reason": `RBAC: allowed by ClusterRoleBinding "system:...`})
	s.expect("may alice", s.as("admin-token", "POST", group+"subjectaccessreviews", `{"spec":{"user":"alice","groups":["system:masters"],`+pods+`}}`), 201, map[string]any{"status.allowed": true})
	s.expect("alice asks about others", s.as("alice-token", "POST", group+"subjectaccessreviews", `{"spec":{"user":"bob",`+pods+`}}`), 403, nil)
	s.expect("about nobody", s.as("admin-token", "POST", group+"subjectaccessreviews", `{"spec":{`+pods+`}}`), 422, map[string]any{
		"message": `.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified`})
	s.expect("about nothing", s.as("admin-token", "POST", group+"selfsubjectaccessreviews", `{"spec":{}}`), 422, map[string]any{
		"message": `.authorization.k8s.io "" is invalid: spec: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`})
	s.expect("about another namespace", s.as("admin-token", "POST", "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews", `{"spec":{"user":"alice",`+pods+`}}`), 422, map[string]any{
		"message": `.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "id": must match metadata.namespace`})
	s.expect("with a name", s.as("admin-token", "POST", group+"selfsubjectaccessreviews", `{"metadata":{"name":"x"},"spec":{`+pods+`}}`), 422, map[string]any{
		"details.causes.0.field": "metadata", "details.causes.0.message": `Invalid value: {"name":"x","managedFields":[{"manager":"...`})
	s.expect("what may I", s.as("alice-token", "POST", group+"selfsubjectrulesreviews", `{"spec":{"namespace":"id"}}`), 201, map[string]any{"status.incomplete": false, "status.nonResourceRules.0.verbs": "[get]"})
	s.expect("what may I nowhere", s.as("alice-token", "POST", group+"selfsubjectrulesreviews", `{"spec":{}}`), 400, map[string]any{"message": "no namespace on request"})
}

func (s *identities) escalation() {
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	s.make(rbac+"namespaces/id/roles", `{"metadata":{"name":"role-maker"},"rules":[
		{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["create"]},{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}`)
	s.make(rbac+"namespaces/id/rolebindings", `{"metadata":{"name":"alice"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"role-maker"},
		"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"alice"}]}`)
	role := func(name, resource string) answerOf {
		return s.as("alice-token", "POST", rbac+"namespaces/id/roles", fmt.Sprintf(`{"metadata":{"name":%q},"rules":[{"apiGroups":[""],"resources":[%q],"verbs":["get"]}]}`, name, resource))
	}
	s.expect("what she holds", role("pods", "pods"), 201, nil)
	const refusal = `roles.rbac.authorization.k8s.io "secrets" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`
	s.expect("what she does not hold", role("secrets", "secrets"), 403, map[string]any{"message": refusal})
	bind := func(role string) answerOf {
		return s.as("alice-token", "POST", rbac+"namespaces/id/rolebindings", fmt.Sprintf(`{"metadata":{"name":"b-%s"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":%q}}`, role, role))
	}
	s.expect("a role of others", bind("edit"), 403, map[string]any{"message": `rolebindings.rbac.authorization.k8s.io "b-edit" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant...`})
	s.expect("no role", bind("absent"), 404, map[string]any{"message": `rolebindings.rbac.authorization.k8s.io "absent" not found`})

	// What is added to view is in view, and through it in edit and admin.
	s.make(rbac+"namespaces/id/rolebindings", `{"metadata":{"name":"agent"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"admin"},
		"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"agents"}]}`)
	see := func() answerOf {
		return s.as("agent-token", "GET", "/apis/storage.k8s.io/v1/namespaces/id/csistoragecapacities", "")
	}
	s.expect("before it is aggregated", see(), 403, nil)
	s.make(rbac+"clusterroles", `{"metadata":{"name":"capacities","labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"}},"rules":[{"apiGroups":["storage.k8s.io"],"resources":["csistoragecapacities"],"verbs":["list"]}]}`)
	got := see()
	for range 100 { // the index hears of it a moment after the write
		if got.code == 200 {
			break
		}
		got = see()
	}
	s.expect("once it is aggregated", got, 200, nil)
}

func (s *identities) nodes() {
	node := func(method, path, body string) answerOf {
		return s.as("admin-token", method, path, body, "Impersonate-User: system:node:n1", "Impersonate-Group: system:nodes")
	}
	s.expect("its node", node("POST", "/api/v1/nodes", `{"metadata":{"name":"n1"}}`), 201, map[string]any{"spec.taints.0.key": "node.kubernetes.io/not-ready"})
	s.expect("another node", node("POST", "/api/v1/nodes", `{"metadata":{"name":"n2"}}`), 403, map[string]any{"message": `nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"`})
	s.expect("all secrets", node("GET", "/api/v1/secrets", ""), 403, map[string]any{
		"message": `secrets is forbidden: User "system:node:n1" cannot list resource "secrets" in API group "" at the cluster scope: node: can only read namespaced object of this type`})
	s.expect("a secret of no pod of its", node("GET", "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef", ""), 403, map[string]any{
		"message": `secrets "bootstrap-token-abcdef" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "kube-system": node: no relationship found between node 'n1' and this object`})
	s.expect("a token of no pod of its", node("POST", "/api/v1/namespaces/id/serviceaccounts/app/token", `{"spec":{}}`), 403, nil)
}
