package flowcontrol

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

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
		t.Fatal(err)
	}
	obj.SetCreationTimestamp(metav1.NewTime(now.Add(-5 * time.Minute)))
	r.Default(obj)
	r.PrepareCreate(t.Context(), obj)
	return obj
}

func TestValidate(t *testing.T) {
	const rule = `subjects: [{kind: Group, group: {name: g}}], `
	schema := func(rules string) string {
		return `spec: {priorityLevelConfiguration: {name: p}, rules: [{` + rules + `}]}`
	}
	for _, c := range []struct {
		resource *api.Resource
		object   string
		want     []string
	}{
		{FlowSchema, `{}`, []string{`spec.priorityLevelConfiguration.name: Required value: must reference a priority level`}},
		{FlowSchema, schema(rule + `nonResourceRules: [{verbs: ["*"], nonResourceURLs: ["*"]}]`), nil},
		{FlowSchema, `spec: {priorityLevelConfiguration: {name: p}, matchingPrecedence: 1}`,
			[]string{`spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1`}},
		{FlowSchema, `spec: {priorityLevelConfiguration: {name: p}, matchingPrecedence: -1}`, []string{`spec.matchingPrecedence: Invalid value: -1: must be a positive value`}},
		{FlowSchema, `spec: {priorityLevelConfiguration: {name: p}, matchingPrecedence: 10001}`, []string{`spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000`}},
		{FlowSchema, `spec: {priorityLevelConfiguration: {name: p}, distinguisherMethod: {type: x}}`,
			[]string{`spec.distinguisherMethod.type: Unsupported value: {"Type":"x"}: supported values: "ByNamespace", "ByUser"`}},
		{FlowSchema, schema(``), []string{
			`spec.rules[0].subjects: Required value: subjects must contain at least one value`,
			`spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty`}},
		{FlowSchema, schema(`subjects: [{kind: User, group: {name: g}}, {kind: Thing}, {kind: ServiceAccount, serviceAccount: {}}], nonResourceRules: [{verbs: [get], nonResourceURLs: [/a]}]`), []string{
			`spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'`,
			`spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'`,
			`spec.rules[0].subjects[1].kind: Unsupported value: "Thing": supported values: "Group", "ServiceAccount", "User"`,
			`spec.rules[0].subjects[2].serviceAccount.name: Required value`,
			`spec.rules[0].subjects[2].serviceAccount.namespace: Required value: must specify namespace for service account`}},
		{FlowSchema, schema(rule + `resourceRules: [{verbs: [nope], namespaces: ["*", a]}]`), []string{
			`spec.rules[0].resourceRules[0].verbs: Unsupported value: ["nope"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"`,
			`spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group`,
			`spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource`,
			`spec.rules[0].resourceRules[0].namespaces: Invalid value: ["*","a"]: if '*' is present, must not specify other namespaces`}},
		{FlowSchema, schema(rule + `nonResourceRules: [{nonResourceURLs: [a, "/a b", //a, "/a*", ""]}]`), []string{
			`spec.rules[0].nonResourceRules[0].verbs: Required value: verbs must contain at least one value`,
			`spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "a": must start with slash`,
			`spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a b": must not contain white-space`,
			`spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "//a": must not contain double slash`,
			`spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a*": wildcard can only do suffix matching`,
			`spec.rules[0].nonResourceRules[0].nonResourceURLs[4]: Invalid value: "": must not be empty`}},
		{PriorityLevelConfiguration, `{}`, []string{`spec.type: Required value`}},
		{PriorityLevelConfiguration, `spec: {type: Exempt}`, []string{`spec.type: Invalid value: "Exempt": must be 'Exempt' if and only if ` + "`name`" + ` is 'exempt'`}},
		{PriorityLevelConfiguration, `spec: {type: Limited}`, []string{`spec.limited: Required value`}},
		{PriorityLevelConfiguration, `spec: {type: x}`, []string{`spec.type: Unsupported value: "x": supported values: "Exempt", "Limited"`}},
		{PriorityLevelConfiguration, `spec: {type: Limited, limited: {}}`, []string{`spec.limited.limitResponse.type: Required value`}},
		{PriorityLevelConfiguration, `spec: {type: Limited, limited: {limitResponse: {type: Queue}}}`, []string{`spec.limited.limitResponse.queuing: Required value`}},
		{PriorityLevelConfiguration, `spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}`, nil},
		{PriorityLevelConfiguration, `spec: {type: Limited, exempt: {}, limited: {nominalConcurrencyShares: -1, lendablePercent: 101, borrowingLimitPercent: -1, limitResponse: {type: Queue, queuing: {queues: 1000, handSize: 7}}}}`, []string{
			`spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer`,
			`spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1000 and handSize 7 should not be greater than 60`,
			`spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive`,
			`spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer`, `spec.exempt: Forbidden`}},
		{PriorityLevelConfiguration, `spec: {limited: {limitResponse: {type: Reject, queuing: {}}}}`, []string{
			`spec.limited: Forbidden`, `spec.type: Required value`, `spec.limited.limitResponse.queuing: Forbidden`}},
		{PriorityLevelConfiguration, `spec: {type: X, limited: {}}`, []string{`spec.type: Unsupported value: "X": supported values: "Exempt", "Limited"`,
			`spec.limited: Forbidden`, `spec.limited.limitResponse.type: Required value`}},
		{PriorityLevelConfiguration, `{metadata: {name: exempt}, spec: {type: Exempt, exempt: {nominalConcurrencyShares: 7}}}`, nil},
		{PriorityLevelConfiguration, `{metadata: {name: catch-all}, spec: {type: Limited, limited: {limitResponse: {type: Reject}}}}`, []string{
			`spec: Invalid value: {"Type":"Limited","Limited":{"NominalConcurrencyShares":30,"LimitResponse":{"Type":"Reject","Queuing":null},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: spec of 'catch-all' must equal the fixed value`}},
	} {
		obj := created(t, c.resource, c.object)
		var got []string
		for _, err := range c.resource.Validate(obj) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", c.object, strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
		}
	}
}

// TestObjects checks that defaults leave the cluster's own objects as they are
// and that validation accepts them.
func TestObjects(t *testing.T) {
	check := func(r *api.Resource, obj api.Object) {
		before, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		r.Default(obj)
		if after, err := json.Marshal(obj); err != nil || string(after) != string(before) {
			t.Errorf("%s: defaults make %s of %s (%v)", obj.GetName(), after, before, err)
		}
		if errs := r.Validate(obj); len(errs) > 0 {
			t.Errorf("%s: %v", obj.GetName(), errs)
		}
	}
	levels := map[string]bool{}
	for _, level := range PriorityLevels() {
		levels[level.Name] = true
		check(PriorityLevelConfiguration, level)
	}
	for _, schema := range FlowSchemas() {
		check(FlowSchema, schema)
		if !levels[schema.Spec.PriorityLevelConfiguration.Name] {
			t.Errorf("%s leads nowhere", schema.Name)
		}
	}
	changed := FlowSchemas()[0]
	changed.Spec.Rules = nil
	if errs := FlowSchema.Validate(changed); len(errs) != 1 || !strings.HasSuffix(errs[0].Error(), "spec of 'exempt' must equal the fixed value") {
		t.Errorf("a changed mandatory schema: %v", errs)
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		resource     *api.Resource
		object, want string
	}{
		{FlowSchema, `{metadata: {name: a}, spec: {priorityLevelConfiguration: {name: p}}}`, `["a","p",1000,"\u003cnone\u003e","5m","?"]`},
		{PriorityLevelConfiguration, `{metadata: {name: a}, spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}}`, `["a","Limited",30,64,8,50,"5m"]`},
		{PriorityLevelConfiguration, `{metadata: {name: exempt}, spec: {type: Exempt}}`,
			`["exempt","Exempt","\u003cnone\u003e","\u003cnone\u003e","\u003cnone\u003e","\u003cnone\u003e","5m"]`},
	} {
		if got, err := json.Marshal(c.resource.Row(created(t, c.resource, c.object), now)); err != nil || string(got) != c.want {
			t.Errorf("%s: got %s want %s (%v)", c.object, got, c.want, err)
		}
	}
}
