package autoscaling

import (
	"encoding/json"
	"maps"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api"
)

// autoscaling/v1 has one metric, the CPU. What else there is travels in
// annotations, so that a client of v1 gives back what it was given. No object
// is stored with them.
const (
	metricsAnnotation    = "autoscaling.alpha.kubernetes.io/metrics"
	statusesAnnotation   = "autoscaling.alpha.kubernetes.io/current-metrics"
	behaviorAnnotation   = "autoscaling.alpha.kubernetes.io/behavior"
	conditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions"
)

func isCarrier(key, _ string) bool {
	return slices.Contains([]string{metricsAnnotation, statusesAnnotation, behaviorAnnotation, conditionsAnnotation}, key)
}

// toV1 returns a stored autoscaler as v1.
func toV1(stored api.Object) (api.Object, error) {
	in := stored.(*autoscalingv2.HorizontalPodAutoscaler).DeepCopy()
	out := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: in.ObjectMeta}
	out.Spec = autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
		MinReplicas:    in.Spec.MinReplicas, MaxReplicas: in.Spec.MaxReplicas,
	}
	out.Status = autoscalingv1.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration, LastScaleTime: in.Status.LastScaleTime,
		CurrentReplicas: in.Status.CurrentReplicas, DesiredReplicas: in.Status.DesiredReplicas,
	}
	maps.DeleteFunc(out.Annotations, isCarrier)

	var metrics []autoscalingv1.MetricSpec
	for i := range in.Spec.Metrics {
		metric := &in.Spec.Metrics[i]
		switch {
		case !isCPU(metric):
			metrics = append(metrics, metricToV1(metric))
		case out.Spec.TargetCPUUtilizationPercentage == nil:
			out.Spec.TargetCPUUtilizationPercentage = metric.Resource.Target.AverageUtilization
		}
	}
	var statuses []autoscalingv1.MetricStatus
	for i := range in.Status.CurrentMetrics {
		status := &in.Status.CurrentMetrics[i]
		if r := status.Resource; status.Type == autoscalingv2.ResourceMetricSourceType && r != nil && r.Name == corev1.ResourceCPU && r.Current.AverageUtilization != nil {
			out.Status.CurrentCPUUtilizationPercentage = r.Current.AverageUtilization
		}
		statuses = append(statuses, statusToV1(status))
	}
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	for _, c := range in.Status.Conditions {
		conditions = append(conditions, autoscalingv1.HorizontalPodAutoscalerCondition{Type: autoscalingv1.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status,
			LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message, ObservedGeneration: c.ObservedGeneration})
	}
	return out, carry(out, metrics, statuses, in.Spec.Behavior, conditions)
}

func isCPU(m *autoscalingv2.MetricSpec) bool {
	return m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil && m.Resource.Name == corev1.ResourceCPU &&
		m.Resource.Target.AverageUtilization != nil
}

// carry puts what v1 has no fields for into annotations.
func carry(out *autoscalingv1.HorizontalPodAutoscaler, metrics []autoscalingv1.MetricSpec, statuses []autoscalingv1.MetricStatus,
	behavior *autoscalingv2.HorizontalPodAutoscalerBehavior, conditions []autoscalingv1.HorizontalPodAutoscalerCondition) error {
	for _, part := range []struct {
		annotation string
		there      bool
		value      any
	}{
		{metricsAnnotation, len(metrics) > 0, metrics},
		{statusesAnnotation, len(statuses) > 0, statuses},
		{behaviorAnnotation, behavior != nil, api.Internal(behavior)}, // as upstream encodes it
		{conditionsAnnotation, len(conditions) > 0, conditions},
	} {
		if !part.there {
			continue
		}
		encoded, err := json.Marshal(part.value)
		if err != nil {
			return err
		}
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[part.annotation] = string(encoded)
	}
	return nil
}

// fromV1 returns an autoscaler of v1 as it is stored. Annotations that cannot be
// read are dropped: they are not for people to write.
func fromV1(served api.Object) (api.Object, error) {
	in := served.(*autoscalingv1.HorizontalPodAutoscaler).DeepCopy()
	out := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: in.ObjectMeta}
	out.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
		MinReplicas:    in.Spec.MinReplicas, MaxReplicas: in.Spec.MaxReplicas,
	}
	out.Status = autoscalingv2.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration, LastScaleTime: in.Status.LastScaleTime,
		CurrentReplicas: in.Status.CurrentReplicas, DesiredReplicas: in.Status.DesiredReplicas,
	}
	var metrics []autoscalingv1.MetricSpec
	if carried(in, metricsAnnotation, &metrics) {
		for i := range metrics {
			out.Spec.Metrics = append(out.Spec.Metrics, metricFromV1(&metrics[i]))
		}
	}
	if target := in.Spec.TargetCPUUtilizationPercentage; target != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(*target))
	}
	var behavior autoscalingv2.HorizontalPodAutoscalerBehavior
	if carried(in, behaviorAnnotation, &behavior) && behavior != (autoscalingv2.HorizontalPodAutoscalerBehavior{}) {
		out.Spec.Behavior = &behavior
	}
	statusFields(in, &out.Status)
	maps.DeleteFunc(out.Annotations, isCarrier)
	return out, nil
}

// statusFields takes what a status of v1 says of metrics and conditions.
func statusFields(in *autoscalingv1.HorizontalPodAutoscaler, out *autoscalingv2.HorizontalPodAutoscalerStatus) {
	var statuses []autoscalingv1.MetricStatus
	switch utilization := in.Status.CurrentCPUUtilizationPercentage; {
	case carried(in, statusesAnnotation, &statuses): // says more than the field
		for i := range statuses {
			out.CurrentMetrics = append(out.CurrentMetrics, statusFromV1(&statuses[i]))
		}
	case utilization != nil:
		out.CurrentMetrics = []autoscalingv2.MetricStatus{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceCPU,
				Current: autoscalingv2.MetricValueStatus{AverageUtilization: utilization}},
		}}
	}
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	if carried(in, conditionsAnnotation, &conditions) {
		for _, c := range conditions {
			out.Conditions = append(out.Conditions, autoscalingv2.HorizontalPodAutoscalerCondition{Type: autoscalingv2.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status,
				LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message, ObservedGeneration: c.ObservedGeneration})
		}
	}
}

// carried decodes an annotation into value and says whether it was there.
func carried(in *autoscalingv1.HorizontalPodAutoscaler, annotation string, value any) bool {
	text, ok := in.Annotations[annotation]
	return ok && json.Unmarshal([]byte(text), value) == nil
}
