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
	} {
		apitest.Create(t, c.r, c.object, c.want...)
	}
}

func TestUpdate(t *testing.T) {
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
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		r            *api.Resource
		object, want string
	}{
		{PodTemplate, `{metadata: {name: a}, ` + template + `}`, `["a","c","i:1","app=x"]`},
		{ReplicationController, `{metadata: {name: a}, spec: {replicas: 3, ` + template + `}, status: {replicas: 2, readyReplicas: 1}}`, `["a",3,2,1,"5m","c","i:1","app=x"]`},
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
	scale, err := ReplicationController.Subresources[0].Get(stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := ReplicationController.Subresources[0].Put(t.Context(), stored, scale); err != nil || errors.As(err, new(*apierrors.StatusError)) || *stored.Spec.Replicas != 1 {
		t.Errorf("scale: %v", err)
	}
}
