package apps

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api/apitest"
)

const template = `{metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: "i:1"}]}}`

// deploymentOf decodes a deployment's spec, strictly, and fills its defaults.
func deploymentOf(t *testing.T, spec string) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{}
	d.Generation = 1
	if err := yaml.UnmarshalStrict([]byte(spec), &d.Spec); err != nil {
		t.Fatal(err)
	}
	defaultDeployment(d)
	return d
}

func TestDeploymentDefaults(t *testing.T) {
	d := deploymentOf(t, "template: "+template)
	rolling := d.Spec.Strategy.RollingUpdate
	if *d.Spec.Replicas != 1 || *d.Spec.RevisionHistoryLimit != 10 || *d.Spec.ProgressDeadlineSeconds != 600 ||
		rolling.MaxSurge.StrVal != "25%" || rolling.MaxUnavailable.StrVal != "25%" || d.Spec.Template.Spec.RestartPolicy != "Always" {
		t.Errorf("%+v", d.Spec)
	}
	if d := deploymentOf(t, "strategy: {type: Recreate}"); d.Spec.Strategy.RollingUpdate != nil {
		t.Error("Recreate got a rolling update")
	}
}

// TestValidate holds the words that kube-apiserver 1.37 answers with.
func TestValidate(t *testing.T) {
	const selector = "selector: {matchLabels: {app: x}}, template: " + template
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain": {"{" + selector + "}", nil},
		"empty": {"{}", []string{"spec.selector: Required value", "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
			"spec.template.spec.containers: Required value"}},
		"mismatch": {"{selector: {matchLabels: {app: y}}, template: " + template + "}",
			[]string{"spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`"}},
		"empty selector": {"{selector: {}, template: " + template + "}", []string{"spec.selector: Invalid value: {}: empty selector is invalid for deployment"}},
		"restart policy": {`{selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}`,
			[]string{`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`}},
		"stuck": {"{strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}, " + selector + "}",
			[]string{"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"}},
		"more than all": {"{strategy: {rollingUpdate: {maxUnavailable: 101%}}, " + selector + "}",
			[]string{`spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%`}},
		"deadline": {"{minReadySeconds: 100, progressDeadlineSeconds: 50, " + selector + "}",
			[]string{"spec.progressDeadlineSeconds: Invalid value: 50: must be greater than minReadySeconds"}},
		"negative": {"{replicas: -1, " + selector + "}", []string{"spec.replicas: Invalid value: -1: must be greater than or equal to 0"}},
	} {
		apitest.Errors(t, name, validateDeployment(deploymentOf(t, c.spec)), c.want...)
	}
}

func TestDeploymentUpdate(t *testing.T) {
	old := deploymentOf(t, "{selector: {matchLabels: {app: x}}, template: "+template+"}")
	old.Status.Replicas = 1

	d := old.DeepCopy()
	d.Status.Replicas = 7
	prepareDeploymentUpdate(t.Context(), d, old)
	if d.Generation != 1 || d.Status.Replicas != 1 {
		t.Errorf("a status in an update: generation %d, replicas %d", d.Generation, d.Status.Replicas)
	}
	d.Spec.Replicas = ptr.To[int32](3)
	prepareDeploymentUpdate(t.Context(), d, old)
	if d.Generation != 2 {
		t.Errorf("another size: generation %d", d.Generation)
	}
	d.Spec.Selector.MatchLabels["app"] = "z"
	apitest.Errors(t, "another selector", validateDeploymentUpdate(d, old),
		"spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`",
		`spec.selector: Invalid value: {"matchLabels":{"app":"z"}}: field is immutable`)
}

func TestDeploymentStatus(t *testing.T) {
	old := deploymentOf(t, "template: "+template)
	old.Status.CollisionCount = ptr.To[int32](2)
	body := old.DeepCopy()
	body.Labels = map[string]string{"new": "label"}
	body.Spec.Replicas = ptr.To[int32](9)
	body.Status = appsv1.DeploymentStatus{Replicas: 1, ReadyReplicas: 2}
	d, err := apitest.Put(t, Deployment, "status", old, body)
	if *d.Spec.Replicas != 1 || d.Labels != nil {
		t.Error("a status write changed more than the status")
	}
	const want = "[status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas, status.collisionCount: Invalid value: 0: cannot be decremented]"
	if err == nil || err.Error() != want {
		t.Errorf("got %v want %s", err, want)
	}
}

func TestScale(t *testing.T) {
	d := deploymentOf(t, "{replicas: 2, selector: {matchLabels: {app: x}}, template: "+template+"}")
	d.Name = "d"
	got, err := getDeploymentScale(d)
	if err != nil {
		t.Fatal(err)
	}
	s := got.(*autoscalingv1.Scale)
	if s.Name != "d" || s.Spec.Replicas != 2 || s.Status.Selector != "app=x" {
		t.Errorf("%+v", s)
	}
	s.Spec.Replicas = 5
	if err := putDeploymentScale(t.Context(), d, s); err != nil || *d.Spec.Replicas != 5 {
		t.Errorf("replicas %d, %v", *d.Spec.Replicas, err)
	}
	s.Spec.Replicas = -1
	want := `Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`
	if err := putDeploymentScale(t.Context(), d, s); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
