package apps

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/apitest"
)

const selected = "selector: {matchLabels: {app: x}}, template: " + template

func TestDaemonSetDefaults(t *testing.T) {
	ds := apitest.Object[*appsv1.DaemonSet](t, DaemonSet, "spec: {"+selected+"}")
	rolling := ds.Spec.UpdateStrategy.RollingUpdate
	if *ds.Spec.RevisionHistoryLimit != 10 || ds.Spec.UpdateStrategy.Type != "RollingUpdate" ||
		rolling.MaxUnavailable.IntVal != 1 || rolling.MaxSurge.IntVal != 0 || ds.Spec.Template.Spec.RestartPolicy != "Always" {
		t.Errorf("%+v", ds.Spec)
	}
	ds = apitest.Object[*appsv1.DaemonSet](t, DaemonSet, "spec: {updateStrategy: {type: OnDelete}}")
	if ds.Spec.UpdateStrategy.RollingUpdate != nil {
		t.Error("OnDelete got a rolling update")
	}
}

func TestDaemonSetValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain":    {selected, nil},
		"no words": {"", []string{"spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`", "spec.template.spec.containers: Required value"}},
		"empty selector": {"selector: {}, template: " + template, []string{
			"spec.selector: Invalid value: {}: empty selector is invalid for daemonset"}},
		"both ways": {"updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 10%}}, " + selected, []string{
			"spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"}},
		"no way": {"updateStrategy: {rollingUpdate: {maxUnavailable: 0}}, " + selected, []string{
			"spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"}},
		"too many": {"updateStrategy: {rollingUpdate: {maxUnavailable: 101%}}, revisionHistoryLimit: -1, " + selected, []string{
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%`,
			"spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"}},
		"strategy": {"updateStrategy: {type: Sometimes}, " + selected, []string{
			`spec.updateStrategy: Unsupported value: {"Type":"Sometimes","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"`}},
		"deadline": {"selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {restartPolicy: Never, activeDeadlineSeconds: 1, containers: [{name: c, image: i}]}}", []string{
			`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`,
			"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported"}},
	} {
		apitest.Errors(t, name, validateDaemonSet(apitest.Object[*appsv1.DaemonSet](t, DaemonSet, "spec: {"+c.spec+"}")), c.want...)
	}
}

// TestTemplateGeneration follows the annotation that only the server writes.
func TestTemplateGeneration(t *testing.T) {
	old := apitest.Object[*appsv1.DaemonSet](t, DaemonSet, "spec: {"+selected+"}")
	if got := old.Annotations[appsv1.DeprecatedTemplateGeneration]; got != "0" {
		t.Errorf("decoded: %q", got)
	}
	prepareDaemonSetCreate(t.Context(), old)
	ds := old.DeepCopy()
	ds.Annotations = nil
	ds.Spec.MinReadySeconds = 5
	prepareDaemonSetUpdate(t.Context(), ds, old)
	if got := ds.Annotations[appsv1.DeprecatedTemplateGeneration]; got != "1" || ds.Generation != 2 {
		t.Errorf("the same template: %q, generation %d", got, ds.Generation)
	}
	ds.Spec.Template.Spec.Containers[0].Image = "other:1"
	prepareDaemonSetUpdate(t.Context(), ds, old)
	if got := ds.Annotations[appsv1.DeprecatedTemplateGeneration]; got != "2" || ds.Generation != 2 {
		t.Errorf("another template: %q, generation %d", got, ds.Generation)
	}
	body := old.DeepCopy()
	body.Annotations[appsv1.DeprecatedTemplateGeneration] = "9"
	body.Status.NumberReady = -1
	ds, err := apitest.Put(t, DaemonSet, "status", ds, body)
	if got := ds.Annotations[appsv1.DeprecatedTemplateGeneration]; got != "2" {
		t.Errorf("a status write: %q", got)
	}
	if want := "status.numberReady: Invalid value: -1: must be greater than or equal to 0"; err == nil || err.Error() != want {
		t.Errorf("got %v want %s", err, want)
	}
	ds.Spec.Selector.MatchLabels["app"] = "z"
	ds.Spec.Template.Labels["app"] = "z"
	apitest.Errors(t, "another selector", validateDaemonSetUpdate(ds, old),
		`spec.selector: Invalid value: {"matchLabels":{"app":"z"}}: field is immutable`)
}

func TestControllerRevision(t *testing.T) {
	revision := apitest.Object[*appsv1.ControllerRevision](t, ControllerRevision, `{data: {a: 1}, revision: 3, metadata: {name: r, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: d, controller: true}]}}`)
	apitest.Errors(t, "plain", validateControllerRevision(revision))
	row := controllerRevisionRow(revision, apitest.Now)
	if want := []any{"r", "daemonset.apps/d", int64(3), "5m"}; !slices.Equal(row, want) {
		t.Errorf("row %v, want %v", row, want)
	}
	apitest.Errors(t, "empty", validateControllerRevision(&appsv1.ControllerRevision{Revision: -1}),
		"revision: Invalid value: -1: must be greater than or equal to 0", "data: Required value: data is mandatory")

	for data, want := range map[string]string{"null": "data is mandatory", "[1]": "data must be a valid JSON object"} {
		other := revision.DeepCopy()
		other.Data.Raw = []byte(data)
		apitest.Errors(t, data, validateControllerRevision(other), "data: Required value: "+want)
	}
	other := revision.DeepCopy()
	other.Revision = 4
	apitest.Errors(t, "another number", validateControllerRevisionUpdate(other, revision))
	other.Data.Raw = []byte(`{"a": 1}`)
	apitest.Errors(t, "another space", validateControllerRevisionUpdate(other, revision), `data: Invalid value: {"a":1}: field is immutable`)
	other.Data.Raw = []byte(`{"a"`)
	apitest.Errors(t, "half", validateControllerRevision(other), `data: Invalid value: "<value omitted>": error parsing data: unexpected end of JSON input`)
}

func TestWarnings(t *testing.T) {
	d := deploymentOf(t, "{"+selected+"}")
	d.Name = "a.b"
	d.Spec.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{}}
	const hint = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
	const secret = `spec.template.spec.imagePullSecrets[0].name: invalid empty name ""`
	if got := Deployment.Warnings(t.Context(), d, nil); !slices.Equal(got, []string{hint, secret}) {
		t.Errorf("create: %q", got)
	}
	old := d.DeepCopy()
	if got := Deployment.Warnings(t.Context(), d, old); got != nil {
		t.Errorf("the same spec: %q", got)
	}
	d.Generation++
	if got := Deployment.Warnings(t.Context(), d, old); !slices.Equal(got, []string{secret}) {
		t.Errorf("update: %q", got)
	}
}
