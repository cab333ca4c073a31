package autoscaling

import (
	"maps"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// TestV1 holds what travels where, and that all of it comes back.
func TestV1(t *testing.T) {
	const metrics = `[{type: Pods, pods: {metric: {name: m}, target: {type: AverageValue, averageValue: "5"}}},
		{type: Object, object: {describedObject: {kind: Service, name: s}, metric: {name: o}, target: {type: Value, value: "3"}}},
		{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}},
		{type: ContainerResource, containerResource: {name: cpu, container: c, target: {type: Utilization, averageUtilization: 30}}},
		{type: External, external: {metric: {name: q, selector: {matchLabels: {a: b}}}, target: {type: AverageValue, averageValue: "7"}}},
		{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]`
	hpa := hpaOf(t, target+", metrics: "+metrics+", behavior: {scaleUp: {stabilizationWindowSeconds: 5}}")
	hpa.Annotations = map[string]string{"mine": "x", metricsAnnotation: "stale"}
	if err := yaml.UnmarshalStrict([]byte(`{currentReplicas: 2, desiredReplicas: 3, conditions: [{type: AbleToScale, status: "True", reason: R}],
		currentMetrics: [{type: Resource, resource: {name: cpu, current: {averageValue: 100m, averageUtilization: 20}}}]}`), &hpa.Status); err != nil {
		t.Fatal(err)
	}
	served, err := toV1(hpa)
	if err != nil {
		t.Fatal(err)
	}
	v1 := served.(*autoscalingv1.HorizontalPodAutoscaler)
	if *v1.Spec.TargetCPUUtilizationPercentage != 60 || *v1.Status.CurrentCPUUtilizationPercentage != 20 || v1.Spec.ScaleTargetRef.Kind != "Deployment" || v1.Status.CurrentReplicas != 2 {
		t.Errorf("%+v", v1)
	}
	want := map[string]string{
		"mine":               "x",
		statusesAnnotation:   `[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":20,"currentAverageValue":"100m"}}]`,
		conditionsAnnotation: `[{"type":"AbleToScale","status":"True","lastTransitionTime":null,"reason":"R"}]`,
		behaviorAnnotation: `{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15},{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null},` +
			`"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}`,
		metricsAnnotation: `[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}},` +
			`{"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"o","targetValue":"3"}},` +
			`{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}},` +
			`{"type":"ContainerResource","containerResource":{"name":"cpu","targetAverageUtilization":30,"container":"c"}},` +
			`{"type":"External","external":{"metricName":"q","metricSelector":{"matchLabels":{"a":"b"}},"targetAverageValue":"7"}}]`,
	}
	for key, value := range want {
		if got := v1.Annotations[key]; got != value {
			t.Errorf("%s:\n%s\nwant\n%s", key, got, value)
		}
	}
	if len(v1.Annotations) != len(want) || hpa.Annotations[metricsAnnotation] != "stale" {
		t.Errorf("annotations %v; the given object has %v", v1.Annotations, hpa.Annotations)
	}
	back, err := fromV1(v1)
	if err != nil {
		t.Fatal(err)
	}
	delete(hpa.Annotations, metricsAnnotation)
	if !equality.Semantic.DeepEqual(back, hpa) {
		t.Errorf("came back as %+v", back)
	}
}

func TestFromV1(t *testing.T) {
	v1 := &autoscalingv1.HorizontalPodAutoscaler{}
	v1.Spec.TargetCPUUtilizationPercentage = ptr.To[int32](50)
	v1.Status.CurrentCPUUtilizationPercentage = ptr.To[int32](10)
	v1.Annotations = map[string]string{metricsAnnotation: "{", behaviorAnnotation: "{}", "mine": "x"}
	stored, err := fromV1(v1)
	if err != nil {
		t.Fatal(err)
	}
	hpa := stored.(*autoscalingv2.HorizontalPodAutoscaler)
	if metric := hpa.Spec.Metrics[0]; len(hpa.Spec.Metrics) != 1 || !isCPU(&metric) || *metric.Resource.Target.AverageUtilization != 50 || hpa.Spec.Behavior != nil {
		t.Errorf("%+v", hpa.Spec)
	}
	if now := hpa.Status.CurrentMetrics[0]; now.Resource.Name != corev1.ResourceCPU || *now.Resource.Current.AverageUtilization != 10 {
		t.Errorf("%+v", now)
	}
	if !maps.Equal(hpa.Annotations, map[string]string{"mine": "x"}) {
		t.Errorf("%v", hpa.Annotations)
	}
}
