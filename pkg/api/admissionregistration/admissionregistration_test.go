package admissionregistration

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// created returns an object as a create leaves it.
func created(t *testing.T, r *api.Resource, text string) api.Object {
	t.Helper()
	obj := r.New()
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	obj.SetCreationTimestamp(metav1.NewTime(now.Add(-5 * time.Minute)))
	r.Default(obj)
	r.PrepareCreate(t.Context(), obj)
	return obj
}

func expect(t *testing.T, what string, errs []error, want []string) {
	t.Helper()
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func asErrors[E error](errs []E) (out []error) {
	for _, err := range errs {
		out = append(out, err)
	}
	return out
}

const (
	hook  = `name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: "https://a/b"}`
	rules = `resourceRules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]`
)

func TestValidateWebhooks(t *testing.T) {
	for _, c := range []struct {
		object string
		want   []string
	}{
		{`{}`, nil},
		{`webhooks: [{` + hook + `}]`, nil},
		{`webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {namespace: x}}}]`, []string{
			`webhooks[0].clientConfig.service.namespace: Required value`}}, // upstream means the name
		{`webhooks: [{}]`, []string{
			`webhooks[0].name: Required value`,
			`webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun`,
			`webhooks[0].clientConfig: Required value: exactly one of url or service is required`,
			`webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1`}},
		{`webhooks: [{` + hook + `, timeoutSeconds: 31, failurePolicy: X, matchPolicy: Q, rules: [{}]}]`, []string{
			`webhooks[0].rules[0].operations: Required value`, `webhooks[0].rules[0].apiGroups: Required value`,
			`webhooks[0].rules[0].apiVersions: Required value`, `webhooks[0].rules[0].resources: Required value`,
			`webhooks[0].failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore"`,
			`webhooks[0].matchPolicy: Unsupported value: "Q": supported values: "Equivalent", "Exact"`,
			`webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`}},
		{`webhooks: [{` + hook + `, rules: [{operations: ["*", GET], apiGroups: ["*", a], apiVersions: [""], resources: ["pods/*", pods/status, "*", pods, ""], scope: X}]}]`, []string{
			`webhooks[0].rules[0].operations: Invalid value: ["*","GET"]: if '*' is present, must not specify other operations`,
			`webhooks[0].rules[0].operations[1]: Unsupported value: "GET": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"`,
			`webhooks[0].rules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`,
			`webhooks[0].rules[0].apiVersions[0]: Required value`,
			`webhooks[0].rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
			`webhooks[0].rules[0].resources[4]: Required value`,
			`webhooks[0].rules[0].resources: Invalid value: ["pods/*","pods/status","*","pods",""]: if '*' is present, must not specify other resources without subresources`,
			`webhooks[0].rules[0].scope: Unsupported value: "X": supported values: "*", "Cluster", "Namespaced"`}},
		{`webhooks: [{` + hook + `}, {` + hook + `, matchConditions: [{name: a, expression: "object.x == 1 && authorizer.group('').resource('pods').check('get').allowed()"}, {name: a, expression: "1"}, {expression: params}]}]`, []string{
			`webhooks[1].matchConditions[1].expression: Invalid value: "1": must evaluate to bool but got int`,
			`webhooks[1].matchConditions[1].name: Duplicate value: "a"`,
			"webhooks[1].matchConditions[2].expression: Invalid value: \"params\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params\n | ^",
			`webhooks[1].matchConditions[2].name: Required value`,
			`webhooks[1].name: Duplicate value: "a.b.c"`}},
	} {
		for _, r := range []*api.Resource{ValidatingWebhookConfiguration, MutatingWebhookConfiguration} {
			expect(t, r.Kind+" "+c.object, asErrors(r.Validate(created(t, r, c.object))), c.want)
		}
	}
	expect(t, "reinvocation", asErrors(MutatingWebhookConfiguration.Validate(created(t, MutatingWebhookConfiguration, `webhooks: [{`+hook+`, reinvocationPolicy: X}]`))),
		[]string{`webhooks[0].reinvocationPolicy: Unsupported value: "X": supported values: "IfNeeded", "Never"`})
}

// TestStoredWebhooks checks that an update may keep what was stored in other times.
func TestStoredWebhooks(t *testing.T) {
	const old = `webhooks: [{name: a.b.c, sideEffects: Some, admissionReviewVersions: [v0], clientConfig: {url: "https://a/b"}, matchConditions: [{name: a, expression: "gone()"}]}]`
	r := ValidatingWebhookConfiguration
	before, after := created(t, r, old), created(t, r, old)
	expect(t, "unchanged", asErrors(r.ValidateUpdate(after, before)), nil)
	if len(r.Validate(after)) == 0 {
		t.Error("would be valid as a new one")
	}
	after.(*admissionregistrationv1.ValidatingWebhookConfiguration).Webhooks[0].Name = "x.y.z"
	r.PrepareUpdate(t.Context(), after, before)
	if after.GetGeneration() != 2 {
		t.Errorf("generation %d", after.GetGeneration())
	}
}

func TestValidatePolicies(t *testing.T) {
	validating := func(rest string) string {
		return `{metadata: {name: p}, spec: {matchConstraints: {` + rules + `}, ` + rest + `}}`
	}
	mutating := func(rest string) string {
		return `spec: {reinvocationPolicy: Never, matchConstraints: {` + rules + `}, ` + rest + `}`
	}
	for _, c := range []struct {
		resource *api.Resource
		object   string
		want     []string
	}{
		{ValidatingAdmissionPolicy, `{}`, []string{
			`spec.matchConstraints: Required value`,
			`spec.validations: Required value: validations or auditAnnotations must contain at least one item`,
			`spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item`}},
		{ValidatingAdmissionPolicy, validating(`validations: [{expression: "object.spec.replicas <= 5 && request.operation == 'CREATE' && namespaceObject.metadata.name != ''"}]`), nil},
		{ValidatingAdmissionPolicy, validating(`validations: [{expression: "request.nope", message: "a\nb", reason: Nope, messageExpression: "1"}, {expression: " ", message: " "}]`), []string{
			"spec.validations[0].expression: Invalid value: \"request.nope\": compilation failed: ERROR: <input>:1:8: undefined field 'nope'\n | request.nope\n | .......^",
			`spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int`,
			`spec.validations[0].message: Invalid value: "a\nb": must not contain line breaks`,
			`spec.validations[0].reason: Unsupported value: "Nope": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"`,
			`spec.validations[1].expression: Required value: expression is not specified`,
			`spec.validations[1].message: Invalid value: " ": must be non-empty if specified`}},
		{ValidatingAdmissionPolicy, validating(`variables: [{name: a, expression: "1"}, {name: b, expression: "variables.a + 1"}, {name: in, expression: "x"}], validations: [{expression: "variables.b == 'x'"}]`), []string{
			`spec.variables[2].name: Invalid value: "in": must be a valid CEL identifier`,
			"spec.variables[2].expression: Invalid value: \"x\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^",
			"spec.validations[0].expression: Invalid value: \"variables.b == 'x'\": compilation failed: ERROR: <input>:1:13: found no matching overload for '_==_' applied to '(int, string)'\n | variables.b == 'x'\n | ............^"}},
		{ValidatingAdmissionPolicy, validating(`paramKind: {apiVersion: a/b/c}, auditAnnotations: [{key: k, valueExpression: "1"}, {key: k, valueExpression: "params.x ? 'a' : 'b'"}]`), []string{
			`spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`,
			`spec.paramKind.kind: Required value`,
			`spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int`,
			`spec.auditAnnotations[1].key: Duplicate value: "k"`}},
		{MutatingAdmissionPolicy, `{}`, []string{
			`spec.matchConstraints: Required value`, `spec.mutations: Required value: mutations must contain at least one item`, `spec.reinvocationPolicy: Required value`}},
		{MutatingAdmissionPolicy, mutating(`mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{spec: Object.spec{replicas: 1}}"}}, {patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'add', path: '/a', value: 1}]"}}]`), nil},
		{MutatingAdmissionPolicy, mutating(`mutations: [{}, {patchType: X}, {patchType: JSONPatch}, {patchType: ApplyConfiguration, jsonPatch: {}, applyConfiguration: {expression: "1"}}]`), []string{
			`spec.mutations[0].patchType: Required value`,
			`spec.mutations[1].patchType: Unsupported value: "X": supported values: "ApplyConfiguration", "JSONPatch"`,
			`spec.mutations[2].jsonPatch: Required value: must be specified when patchType is JSONPatch`,
			`spec.mutations[3].applyConfiguration.expression: Invalid value: "1": must evaluate to Object but got int`,
			`spec.mutations[3].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration`}},
	} {
		expect(t, c.object, asErrors(c.resource.Validate(created(t, c.resource, c.object))), c.want)
	}
}

func TestPolicyUpdate(t *testing.T) {
	const old = `{metadata: {name: p}, spec: {matchConstraints: {` + rules + `}, matchConditions: [{name: a, expression: "gone()"}], validations: [{expression: "true"}]}}`
	r := ValidatingAdmissionPolicy
	before, after := created(t, r, old), created(t, r, old)
	expect(t, "same conditions", asErrors(r.ValidateUpdate(after, before)), nil)
	after.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec.ParamKind = &admissionregistrationv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
	if len(r.ValidateUpdate(after, before)) != 1 {
		t.Error("a new kind of parameters has the conditions checked again")
	}
	status := created(t, r, `{}`).(*admissionregistrationv1.ValidatingAdmissionPolicy)
	status.Status.TypeChecking = &admissionregistrationv1.TypeChecking{ExpressionWarnings: []admissionregistrationv1.ExpressionWarning{{FieldRef: "spec.[", Warning: "w"}, {}}}
	expect(t, "status", asErrors(r.Subresources[0].Validate(status, nil)), []string{
		`status.typeChecking.expressionWarnings[0].fieldRef: Invalid value: "spec.[": invalid JSONPath: unterminated array`,
		`status.typeChecking.expressionWarnings[1].warning: Required value`,
		`status.typeChecking.expressionWarnings[1].fieldRef: Required value`})
}

func TestValidateBindings(t *testing.T) {
	for _, c := range []struct {
		resource *api.Resource
		object   string
		want     []string
	}{
		{ValidatingAdmissionPolicyBinding, `{}`, []string{`spec.policyName: Required value`, `spec.validationActions: Required value`}},
		{ValidatingAdmissionPolicyBinding, `spec: {policyName: p, validationActions: [Deny, Warn, Deny, X], paramRef: {name: a/b, selector: {}}}`, []string{
			`spec.paramRef.name: Invalid value: "a/b": may not contain '/'`,
			`spec.paramRef.name: Forbidden: name and selector are mutually exclusive`,
			`spec.paramRef.selector: Forbidden: name and selector are mutually exclusive`,
			`spec.paramRef.parameterNotFoundAction: Required value`,
			`spec.validationActions[2]: Duplicate value: "Deny"`,
			`spec.validationActions[3]: Unsupported value: "X": supported values: "Audit", "Deny", "Warn"`,
			`spec.validationActions: Invalid value: ["Deny","Warn","Deny","X"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)`}},
		{MutatingAdmissionPolicyBinding, `{}`, []string{`spec.policyName: Required value`}},
		{MutatingAdmissionPolicyBinding, `spec: {policyName: p, paramRef: {}, matchResources: {resourceRules: [{operations: [DELETE], apiGroups: [a], apiVersions: [v1], resources: [x], resourceNames: [q, q]}]}}`, []string{
			`spec.paramRef: Required value: one of name or selector must be specified`,
			`spec.paramRef.parameterNotFoundAction: Required value`,
			`spec.matchResources.resourceRules[0].resourceNames[1]: Duplicate value: "q"`,
			`spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"`}},
	} {
		expect(t, c.object, asErrors(c.resource.Validate(created(t, c.resource, c.object))), c.want)
	}
}

func TestDefaultsAndRows(t *testing.T) {
	policy := created(t, ValidatingAdmissionPolicy, `{metadata: {name: p}, spec: {matchConstraints: {`+rules+`}, paramKind: {apiVersion: v1, kind: ConfigMap}}}`)
	if got, err := json.Marshal(policy.(*admissionregistrationv1.ValidatingAdmissionPolicy).Spec); err != nil || string(got) !=
		`{"paramKind":{"apiVersion":"v1","kind":"ConfigMap"},"matchConstraints":{"namespaceSelector":{},"objectSelector":{},"resourceRules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"scope":"*"}],"matchPolicy":"Equivalent"},"failurePolicy":"Fail"}` {
		t.Errorf("defaults: %s (%v)", got, err)
	}
	configuration := created(t, MutatingWebhookConfiguration, `{metadata: {name: m}, webhooks: [{clientConfig: {service: {name: s, namespace: q}}}]}`)
	if got, err := json.Marshal(configuration.(*admissionregistrationv1.MutatingWebhookConfiguration).Webhooks); err != nil || string(got) !=
		`[{"name":"","clientConfig":{"service":{"namespace":"q","name":"s","port":443}},"failurePolicy":"Fail","matchPolicy":"Equivalent","namespaceSelector":{},"objectSelector":{},"sideEffects":null,"timeoutSeconds":10,"admissionReviewVersions":null,"reinvocationPolicy":"Never"}]` {
		t.Errorf("defaults: %s (%v)", got, err)
	}
	binding := created(t, MutatingAdmissionPolicyBinding, `{metadata: {name: b}, spec: {policyName: p, paramRef: {name: x}}}`)
	for _, c := range []struct {
		resource *api.Resource
		object   api.Object
		want     string
	}{
		{ValidatingAdmissionPolicy, policy, `["p",0,"v1/ConfigMap","5m"]`},
		{MutatingWebhookConfiguration, configuration, `["m",1,"5m"]`},
		{MutatingAdmissionPolicyBinding, binding, `["b","p","*/x","5m"]`},
		{MutatingAdmissionPolicy, created(t, MutatingAdmissionPolicy, `metadata: {name: a}`), `["a",0,"\u003cunset\u003e","5m"]`},
	} {
		if got, err := json.Marshal(c.resource.Row(c.object, now)); err != nil || string(got) != c.want {
			t.Errorf("got %s, want %s (%v)", got, c.want, err)
		}
	}
}
