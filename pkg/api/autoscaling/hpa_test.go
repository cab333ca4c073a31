package autoscaling

import (
	"slices"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api/apitest"
)

const target = "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d}, maxReplicas: 3"

// hpaOf decodes an autoscaler's spec, strictly, and fills its defaults.
func hpaOf(t *testing.T, spec string) *autoscalingv2.HorizontalPodAutoscaler {
	t.Helper()
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	hpa.Name = "h"
	if err := yaml.UnmarshalStrict([]byte("{"+spec+"}"), &hpa.Spec); err != nil {
		t.Fatal(err)
	}
	setDefaults(hpa)
	parts.PrepareCreate(t.Context(), hpa)
	return hpa
}

func TestDefaults(t *testing.T) {
	spec := hpaOf(t, target+", behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}").Spec
	if metric := spec.Metrics[0]; *spec.MinReplicas != 1 || metric.Resource.Name != "cpu" || *metric.Resource.Target.AverageUtilization != 80 {
		t.Errorf("%+v", spec)
	}
	up, down := spec.Behavior.ScaleUp, spec.Behavior.ScaleDown
	if *up.StabilizationWindowSeconds != 0 || *up.SelectPolicy != "Max" || len(up.Policies) != 2 || up.Policies[0].Value != 4 || up.Policies[1].Value != 100 {
		t.Errorf("up %+v", up)
	}
	if down.StabilizationWindowSeconds != nil || *down.SelectPolicy != "Max" || len(down.Policies) != 1 || down.Policies[0].PeriodSeconds != 60 {
		t.Errorf("down %+v", down)
	}
	if hpaOf(t, target).Spec.Behavior != nil {
		t.Error("a behavior came from nowhere")
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"plain": {target, nil},
		"no words": {"", []string{"spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
			"spec.scaleTargetRef.kind: Required value", "spec.scaleTargetRef.name: Required value",
			`spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group`, "spec.maxReplicas: Required value"}},
		"negative": {"scaleTargetRef: {apiVersion: a/b/c, kind: a/b, name: d}, minReplicas: -2, maxReplicas: -1", []string{
			`spec.scaleTargetRef.kind: Invalid value: "a/b": may not contain '/'`,
			`spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`,
			"spec.minReplicas: Invalid value: -2: must be greater than or equal to 0",
			"spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1"}},
		"a core kind":     {"scaleTargetRef: {apiVersion: v1, kind: ReplicationController, name: d}, maxReplicas: 3", nil},
		"zero":            {"minReplicas: 0, " + target, []string{"spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas"}},
		"zero by a queue": {`minReplicas: 0, metrics: [{type: External, external: {metric: {name: q}, target: {type: Value, value: "1"}}}], ` + target, nil},
		"rules": {`behavior: {scaleUp: {stabilizationWindowSeconds: 3601, selectPolicy: Any, policies: [], tolerance: "-0.1"}, scaleDown: {stabilizationWindowSeconds: -1, policies: [{type: Any, periodSeconds: 1801}, {type: Pods, value: 1}]}}, ` + target, []string{
			"spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
			`spec.behavior.scaleUp.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"`,
			"spec.behavior.scaleUp.policies: Required value: must specify at least one Policy",
			`spec.behavior.scaleUp.tolerance: Invalid value: "-100m": must be greater than or equal to 0`,
			"spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero",
			`spec.behavior.scaleDown.policies[0].type: Unsupported value: "Any": supported values: "Percent", "Pods"`,
			"spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero",
			"spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
			"spec.behavior.scaleDown.policies[1].periodSeconds: Invalid value: 0: must be greater than zero"}},
	} {
		apitest.Errors(t, name, validate(hpaOf(t, c.spec)), c.want...)
	}
}

func TestValidateMetrics(t *testing.T) {
	const source = "must populate information for the given metric source"
	for name, c := range map[string]struct {
		metric string
		want   []string
	}{
		"no type": {"", []string{"spec.metrics[0].type: Required value: must specify a metric source type",
			`spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`}},
		"no source": {"type: Pods", []string{"spec.metrics[0].pods: Required value: " + source}},
		"another source": {"type: Pods, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5}}", []string{
			"spec.metrics[0].pods: Required value: " + source}},
		"two sources": {`type: Pods, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5}}, pods: {metric: {name: m}, target: {type: AverageValue, averageValue: "1"}}`, []string{
			"spec.metrics[0].resource: Forbidden: must populate the given metric source only"}},
		"object": {"type: Object, object: {describedObject: {kind: Service, name: s}, metric: {}, target: {}}", []string{
			"spec.metrics[0].object.metric.name: Required value: must specify a metric name",
			"spec.metrics[0].object.target.type: Required value: must specify a metric target type",
			`spec.metrics[0].object.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`,
			"spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue"}},
		"external": {`type: External, external: {metric: {name: m}, target: {type: Value, value: "0", averageValue: "1"}}`, []string{
			`spec.metrics[0].external.target.value: Invalid value: "0": must be positive`,
			"spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"}},
		"pods": {"type: Pods, pods: {metric: {name: m}, target: {type: Value}}", []string{
			"spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue"}},
		"resource": {`type: Resource, resource: {target: {type: Utilization, averageUtilization: 0, averageValue: "1"}}`, []string{
			"spec.metrics[0].resource.name: Required value: must specify a resource name",
			"spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
			"spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"}},
		"container": {"type: ContainerResource, containerResource: {name: pods, target: {type: Utilization}}", []string{
			`spec.metrics[0].containerResource.name: Invalid value: "pods": must be a standard resource for containers`,
			"spec.metrics[0].containerResource.container: Required value: must specify a container",
			"spec.metrics[0].containerResource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"}},
	} {
		apitest.Errors(t, name, validate(hpaOf(t, target+", metrics: [{"+c.metric+"}]")), c.want...)
	}
}

// TestUpdate takes references that were wrong before they were looked at.
func TestUpdate(t *testing.T) {
	old := hpaOf(t, "scaleTargetRef: {kind: Deployment, name: d}, maxReplicas: 3")
	hpa := old.DeepCopy()
	hpa.Spec.MaxReplicas = 5
	hpa.Status.CurrentReplicas = 9
	parts.PrepareUpdate(t.Context(), hpa, old)
	apitest.Errors(t, "the same reference", validateUpdate(hpa, old))
	if hpa.Generation != 2 || hpa.Status.CurrentReplicas != 0 {
		t.Errorf("generation %d, current %d", hpa.Generation, hpa.Status.CurrentReplicas)
	}
	hpa.Spec.ScaleTargetRef.Kind = "ReplicaSet"
	apitest.Errors(t, "another one", validateUpdate(hpa, old), `spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group`)

	hpa.Status.DesiredReplicas = -1
	apitest.Errors(t, "status", validateStatus(hpa, old), "status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0")
}

func TestRow(t *testing.T) {
	hpa := hpaOf(t, target)
	got := row(hpa, time.Now())
	if want := []any{"h", "Deployment/d", "cpu: <unknown>/80%", "1", int64(3), int64(0), "<unknown>"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	const metrics = `[{type: Pods, pods: {metric: {name: m}, target: {type: AverageValue, averageValue: "5"}}},
		{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: "7"}}},
		{type: Resource, resource: {name: cpu, target: {type: Utilization}}}]`
	hpa = hpaOf(t, target+", metrics: "+metrics)
	if err := yaml.UnmarshalStrict([]byte(`{desiredReplicas: 1, currentMetrics: [{type: Pods, pods: {metric: {name: m}, current: {averageValue: "2"}}}]}`), &hpa.Status); err != nil {
		t.Fatal(err)
	}
	if got := metricsCell(hpa); got != "2/5, <unknown>/7 (avg) + 1 more..." {
		t.Error(got)
	}
	hpa.Spec.Metrics = hpa.Spec.Metrics[2:]
	hpa.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{Resource: &autoscalingv2.ResourceMetricStatus{
		Current: autoscalingv2.MetricValueStatus{AverageUtilization: ptr.To[int32](20)}}}}
	if got := metricsCell(hpa); got != "cpu: 20%/<auto>" {
		t.Error(got)
	}
	hpa.Spec.Metrics = nil
	if got := metricsCell(hpa); got != "<none>" {
		t.Error(got)
	}
}
