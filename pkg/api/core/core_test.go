package core

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

const template = `template: {metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: "i:1", terminationMessagePolicy: File}]}}`

func TestCreate(t *testing.T) {
	for _, c := range []struct {
		r      *api.Resource
		object string
		want   []string
	}{
		{PodTemplate, `{` + template + `}`, nil},
		{PodTemplate, `{}`, []string{"template.spec.containers: Required value"}},

		{ReplicationController, `{metadata: {name: a}, spec: {` + template + `}}`, nil},
		{ReplicationController, `{metadata: {name: A}}`, []string{"spec.selector: Required value", "spec.template: Required value",
			`metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`}},
		{ReplicationController, `{metadata: {name: a}, spec: {replicas: -1, minReadySeconds: -2, selector: {app: y}, ` + template + `}}`, []string{
			`spec.template.metadata.labels: Invalid value: {"app":"x"}: ` + "`selector` does not match template `labels`",
			"spec.replicas: Invalid value: -1: must be greater than or equal to 0", "spec.minReadySeconds: Invalid value: -2: must be greater than or equal to 0"}},
		{ReplicationController, `{metadata: {name: a}, spec: {template: {metadata: {labels: {app: x}}, spec: {restartPolicy: Never, activeDeadlineSeconds: 5, containers: [{name: c, image: i}]}}}}`, []string{
			`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`,
			"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported"}},

		{LimitRange, `{}`, nil},
		{LimitRange, `spec: {limits: [{type: Container, max: {cpu: 1}, default: {cpu: 200m}}, {type: Pod, max: {cpu: 1}}]}`, nil},
		{LimitRange, `spec: {limits: [{type: Container, min: {cpu: 3}, max: {cpu: 2}}]}`, []string{
			`spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2`,
			`spec.limits[0].defaultRequest[cpu]: Invalid value: "2": min value 3 is greater than default request value 2`,
			`spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 2`}},
		{LimitRange, `spec: {limits: [{type: Container, default: {cpu: 1}, defaultRequest: {cpu: 2}}]}`, []string{
			`spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1`}},
		{LimitRange, `spec: {limits: [{type: Container, default: {storage: 1}}]}`, []string{
			`spec.limits[0].default[storage]: Invalid value: "storage": must be a standard resource for containers`,
			`spec.limits[0].defaultRequest[storage]: Invalid value: "storage": must be a standard resource for containers`}},
		{LimitRange, `spec: {limits: [{type: Pod, default: {cpu: 1}}, {type: Pod}]}`, []string{
			"spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'", `spec.limits[1].type: Duplicate value: "Pod"`}},
		{LimitRange, `spec: {limits: [{type: PersistentVolumeClaim}, {type: Thing}]}`, []string{
			"spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
			`spec.limits[1].type: Invalid value: "Thing": must be a standard limit type or fully qualified`}},
		{LimitRange, `spec: {limits: [{type: Pod, min: {cpu: 1}, max: {cpu: 2}, maxLimitRequestRatio: {cpu: 3, memory: 500m}}]}`, []string{
			`spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000`,
			`spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: "500m": ratio 500m is less than 1`}},
		{LimitRange, `spec: {limits: [{type: Container, default: {hugepages-2Mi: 4Mi}, defaultRequest: {hugepages-2Mi: 2Mi}}]}`, []string{
			`spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: "2Mi": default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi`}},

		{ResourceQuota, `spec: {hard: {pods: 1, requests.cpu: 1, count/deployments.apps: 2, requests.hugepages-2Mi: 2Mi, gold.storageclass.storage.k8s.io/requests.storage: 1}}`, nil},
		{ResourceQuota, `spec: {hard: {pods: 1500m, requests.foo: 1, storage: 1, count/pods: -1}}`, []string{
			`spec.hard[count/pods]: Invalid value: "-1": must be greater than or equal to 0`,
			`spec.hard[pods]: Invalid value: "1500m": must be an integer`,
			`spec.hard[requests.foo]: Invalid value: "requests.foo": must be a standard resource type or fully qualified`,
			`spec.hard[requests.foo]: Invalid value: "requests.foo": must be a standard resource for quota`,
			`spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota`}},
		{ResourceQuota, `spec: {hard: {cpu: 1}, scopes: [BestEffort, NotBestEffort, Other]}`, []string{
			`spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Other"]: unsupported scope applied to resource`,
			`spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Other"]: unsupported scope`,
			`spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Other"]: conflicting scopes`}},
		{ResourceQuota, `spec: {scopeSelector: {matchExpressions: [{scopeName: Terminating, operator: In}, {scopeName: PriorityClass, operator: Exists, values: [a]}, {scopeName: PriorityClass, operator: X}]}}`, []string{
			`spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
			"spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
			"spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
			`spec.scopeSelector.matchExpressions.operator: Invalid value: "X": not a valid selector operator`}},
		{ResourceQuota, `spec: {hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: VolumeAttributesClass, operator: Exists}]}}`, []string{
			`spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"VolumeAttributesClass","Operator":"Exists","Values":null}]}: unsupported scope applied to resource`}},
	} {
		apitest.Create(t, c.r, c.object, c.want...)
	}
}

func TestUpdate(t *testing.T) {
	apitest.Update(t, ResourceQuota, `spec: {scopes: [Terminating]}`, `spec: {scopes: [BestEffort]}`, `spec.scopes: Invalid value: ["BestEffort"]: field is immutable`)
	apitest.Update(t, ResourceQuota, `spec: {hard: {pods: 1}}`, `spec: {hard: {pods: 2}}`)

	const rc = `metadata: {name: a, generation: 3}, spec: {` + template
	old := apitest.Object[*corev1.ReplicationController](t, ReplicationController, `{`+rc+`}, status: {replicas: 2}}`)
	next := apitest.Object[*corev1.ReplicationController](t, ReplicationController, `{`+rc+`, replicas: 2}}`)
	ReplicationController.PrepareUpdate(t.Context(), next, old)
	if next.Generation != 4 || next.Status.Replicas != 2 {
		t.Errorf("%+v", next)
	}
	oldTemplate := apitest.Object[*corev1.PodTemplate](t, PodTemplate, `{metadata: {generation: 3}, `+template+`}`)
	nextTemplate := apitest.Object[*corev1.PodTemplate](t, PodTemplate, `{metadata: {generation: 3}, `+strings.Replace(template, "i:1", "i:2", 1)+`}`)
	PodTemplate.PrepareUpdate(t.Context(), nextTemplate, oldTemplate)
	if nextTemplate.Generation != 4 {
		t.Errorf("generation %d", nextTemplate.Generation)
	}
}

func TestDefaults(t *testing.T) {
	rc := apitest.Object[*corev1.ReplicationController](t, ReplicationController, `{spec: {`+template+`}}`)
	if rc.Labels["app"] != "x" || rc.Spec.Selector["app"] != "x" || *rc.Spec.Replicas != 1 || rc.Spec.Template.Spec.RestartPolicy != "Always" {
		t.Errorf("%+v", rc)
	}
	limits := apitest.Object[*corev1.LimitRange](t, LimitRange, `spec: {limits: [{type: Container, max: {cpu: 2, memory: 1}, min: {cpu: 1, pods: 1}, default: {memory: 2}}]}`)
	got, err := json.Marshal(limits.Spec.Limits[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"Container","max":{"cpu":"2","memory":"1"},"min":{"cpu":"1","pods":"1"},"default":{"cpu":"2","memory":"2"},"defaultRequest":{"cpu":"2","memory":"2","pods":"1"}}`
	if string(got) != want {
		t.Errorf("got %s want %s", got, want)
	}
	LimitRange.PrepareCreate(t.Context(), limits)
	if len(limits.Name) != 36 {
		t.Errorf("name %q is no UID", limits.Name)
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		r            *api.Resource
		object, want string
	}{
		{PodTemplate, `{metadata: {name: a}, ` + template + `}`, `["a","c","i:1","app=x"]`},
		{ReplicationController, `{metadata: {name: a}, spec: {replicas: 3, ` + template + `}, status: {replicas: 2, readyReplicas: 1}}`, `["a",3,2,1,"5m","c","i:1","app=x"]`},
		{ResourceQuota, `{metadata: {name: a}, status: {hard: {pods: 2, cpu: 1, limits.cpu: 3}, used: {pods: 1, limits.cpu: 500m}}}`, `["a","cpu: 0/1, pods: 1/2","limits.cpu: 500m/3","5m"]`},
		{ComponentStatus, `{metadata: {name: etcd-0}, conditions: [{type: Healthy, status: "True", message: ok}]}`, `["etcd-0","Healthy","ok",""]`},
		{ComponentStatus, `{metadata: {name: scheduler}, conditions: [{type: Healthy, status: "False", message: m, error: e}]}`, `["scheduler","Unhealthy","m","e"]`},
	} {
		got, err := json.Marshal(c.r.Row(apitest.Object[api.Object](t, c.r, c.object), apitest.Now))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s want %s, %v", c.r.Kind, got, c.want, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	quota := apitest.Object[api.Object](t, ResourceQuota, `spec: {hard: {cpu: 2, limits.cpu: 1, requests.storage: 2, limits.storage: 3}}`)
	if got := ResourceQuota.Warnings(t.Context(), quota, nil); !slices.Equal(got, []string{"ResourceQuota cpu (2) should be less than limits.cpu (1)"}) {
		t.Errorf("quota: %q", got)
	}
	rc := apitest.Object[api.Object](t, ReplicationController, `{metadata: {name: a.b}, spec: {template: {spec: {imagePullSecrets: [{}]}}}}`)
	got := ReplicationController.Warnings(t.Context(), rc, nil)
	if len(got) != 2 || !strings.HasPrefix(got[0], "metadata.name: this is used in Pod names") || !strings.HasPrefix(got[1], "spec.template.spec.imagePullSecrets[0]") {
		t.Errorf("rc: %q", got)
	}
	if got := ReplicationController.Warnings(t.Context(), rc, rc); got != nil {
		t.Errorf("an update that changes nothing: %q", got)
	}
	pt := apitest.Object[api.Object](t, PodTemplate, `{template: {spec: {imagePullSecrets: [{}]}}}`)
	if got := PodTemplate.Warnings(t.Context(), pt, nil); !slices.Equal(got, []string{`template.spec.imagePullSecrets[0].name: invalid empty name ""`}) {
		t.Errorf("template: %q", got)
	}
}

func TestPut(t *testing.T) {
	stored := apitest.Object[*corev1.ReplicationController](t, ReplicationController, `{metadata: {name: a}, spec: {`+template+`}}`)
	body := stored.DeepCopy()
	body.Spec.Selector, body.Status.Replicas, body.Status.ReadyReplicas = nil, 1, 2
	got, err := apitest.Put(t, ReplicationController, "status", stored, body)
	if err == nil || err.Error() != "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas" || got.Spec.Selector == nil {
		t.Errorf("status: %v %v", got, err)
	}
	quota := apitest.Object[*corev1.ResourceQuota](t, ResourceQuota, `{}`)
	used := apitest.Object[*corev1.ResourceQuota](t, ResourceQuota, `{status: {hard: {pods: 1}, used: {pods: -1}}}`)
	if _, err := apitest.Put(t, ResourceQuota, "status", quota, used); err == nil || err.Error() != `status.used[pods]: Invalid value: "-1": must be greater than or equal to 0` {
		t.Errorf("quota status: %v", err)
	}
	scale, err := ReplicationController.Subresources[0].Get(stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := ReplicationController.Subresources[0].Put(t.Context(), stored, scale); err != nil || errors.As(err, new(*apierrors.StatusError)) || *stored.Spec.Replicas != 1 {
		t.Errorf("scale: %v", err)
	}
}
