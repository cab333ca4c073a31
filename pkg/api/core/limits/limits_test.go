package limits

import (
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

func TestCreate(t *testing.T) {
	for _, c := range []struct {
		r      *api.Resource
		object string
		want   []string
	}{
		{Range, `{}`, nil},
		{Range, `spec: {limits: [{type: Container, max: {cpu: 1}, default: {cpu: 200m}}, {type: Pod, max: {cpu: 1}}]}`, nil},
		{Range, `spec: {limits: [{type: Container, min: {cpu: 3}, max: {cpu: 2}}]}`, []string{
			`spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2`,
			`spec.limits[0].defaultRequest[cpu]: Invalid value: "2": min value 3 is greater than default request value 2`,
			`spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 2`}},
		{Range, `spec: {limits: [{type: Container, default: {cpu: 1}, defaultRequest: {cpu: 2}}]}`, []string{
			`spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1`}},
		{Range, `spec: {limits: [{type: Container, default: {storage: 1}}]}`, []string{
			`spec.limits[0].default[storage]: Invalid value: "storage": must be a standard resource for containers`,
			`spec.limits[0].defaultRequest[storage]: Invalid value: "storage": must be a standard resource for containers`}},
		{Range, `spec: {limits: [{type: Pod, default: {cpu: 1}}, {type: Pod}]}`, []string{
			"spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'", `spec.limits[1].type: Duplicate value: "Pod"`}},
		{Range, `spec: {limits: [{type: PersistentVolumeClaim}, {type: Thing}]}`, []string{
			"spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
			`spec.limits[1].type: Invalid value: "Thing": must be a standard limit type or fully qualified`}},
		{Range, `spec: {limits: [{type: Pod, min: {cpu: 1}, max: {cpu: 2}, maxLimitRequestRatio: {cpu: 3, memory: 500m}}]}`, []string{
			`spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000`,
			`spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: "500m": ratio 500m is less than 1`}},
		{Range, `spec: {limits: [{type: Container, default: {hugepages-2Mi: 4Mi}, defaultRequest: {hugepages-2Mi: 2Mi}}]}`, []string{
			`spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: "2Mi": default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi`}},

		{Quota, `spec: {hard: {pods: 1, requests.cpu: 1, count/deployments.apps: 2, requests.hugepages-2Mi: 2Mi, gold.storageclass.storage.k8s.io/requests.storage: 1}}`, nil},
		{Quota, `spec: {hard: {pods: 1500m, requests.foo: 1, storage: 1, count/pods: -1}}`, []string{
			`spec.hard[count/pods]: Invalid value: "-1": must be greater than or equal to 0`,
			`spec.hard[pods]: Invalid value: "1500m": must be an integer`,
			`spec.hard[requests.foo]: Invalid value: "requests.foo": must be a standard resource type or fully qualified`,
			`spec.hard[requests.foo]: Invalid value: "requests.foo": must be a standard resource for quota`,
			`spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota`}},
		{Quota, `spec: {hard: {cpu: 1}, scopes: [BestEffort, NotBestEffort, Other]}`, []string{
			`spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Other"]: unsupported scope applied to resource`,
			`spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Other"]: unsupported scope`,
			`spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Other"]: conflicting scopes`}},
		{Quota, `spec: {scopeSelector: {matchExpressions: [{scopeName: Terminating, operator: In}, {scopeName: PriorityClass, operator: Exists, values: [a]}, {scopeName: PriorityClass, operator: X}]}}`, []string{
			`spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
			"spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
			"spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
			`spec.scopeSelector.matchExpressions.operator: Invalid value: "X": not a valid selector operator`}},
		{Quota, `spec: {hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: VolumeAttributesClass, operator: Exists}]}}`, []string{
			`spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"VolumeAttributesClass","Operator":"Exists","Values":null}]}: unsupported scope applied to resource`}},
	} {
		apitest.Create(t, c.r, c.object, c.want...)
	}
}

func TestUpdate(t *testing.T) {
	apitest.Update(t, Quota, `spec: {scopes: [Terminating]}`, `spec: {scopes: [BestEffort]}`, `spec.scopes: Invalid value: ["BestEffort"]: field is immutable`)
	apitest.Update(t, Quota, `spec: {hard: {pods: 1}}`, `spec: {hard: {pods: 2}}`)
}

func TestDefaults(t *testing.T) {
	limits := apitest.Object[*corev1.LimitRange](t, Range, `spec: {limits: [{type: Container, max: {cpu: 2, memory: 1}, min: {cpu: 1, pods: 1}, default: {memory: 2}}]}`)
	got, err := json.Marshal(limits.Spec.Limits[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"Container","max":{"cpu":"2","memory":"1"},"min":{"cpu":"1","pods":"1"},"default":{"cpu":"2","memory":"2"},"defaultRequest":{"cpu":"2","memory":"2","pods":"1"}}`
	if string(got) != want {
		t.Errorf("got %s want %s", got, want)
	}
	Range.PrepareCreate(t.Context(), limits)
	if len(limits.Name) != 36 {
		t.Errorf("name %q is no UID", limits.Name)
	}
}

func TestRow(t *testing.T) {
	quota := apitest.Object[api.Object](t, Quota, `{metadata: {name: a}, status: {hard: {pods: 2, cpu: 1, limits.cpu: 3}, used: {pods: 1, limits.cpu: 500m}}}`)
	got, err := json.Marshal(Quota.Row(quota, apitest.Now))
	if want := `["a","cpu: 0/1, pods: 1/2","limits.cpu: 500m/3","5m"]`; err != nil || string(got) != want {
		t.Errorf("got %s want %s, %v", got, want, err)
	}
}

func TestWarnings(t *testing.T) {
	quota := apitest.Object[api.Object](t, Quota, `spec: {hard: {cpu: 2, limits.cpu: 1, requests.storage: 2, limits.storage: 3}}`)
	if got := Quota.Warnings(t.Context(), quota, nil); !slices.Equal(got, []string{"ResourceQuota cpu (2) should be less than limits.cpu (1)"}) {
		t.Errorf("quota: %q", got)
	}
}

func TestStatus(t *testing.T) {
	quota := apitest.Object[*corev1.ResourceQuota](t, Quota, `{}`)
	used := apitest.Object[*corev1.ResourceQuota](t, Quota, `{status: {hard: {pods: 1}, used: {pods: -1}}}`)
	if _, err := apitest.Put(t, Quota, "status", quota, used); err == nil || err.Error() != `status.used[pods]: Invalid value: "-1": must be greater than or equal to 0` {
		t.Errorf("quota status: %v", err)
	}
}
