package autoscaling

import (
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"slowmo/pkg/api"
)

const maxShownMetrics = 2

// metricsCell shows how far each metric is from its target: "cpu: 20%/80%".
func metricsCell(hpa *autoscalingv2.HorizontalPodAutoscaler) string {
	specs := hpa.Spec.Metrics
	if len(specs) == 0 {
		return api.None
	}
	shown := make([]string, len(specs))
	for i := range specs {
		now := &autoscalingv2.MetricStatus{}
		if i < len(hpa.Status.CurrentMetrics) {
			now = &hpa.Status.CurrentMetrics[i]
		}
		shown[i] = metricCell(&specs[i], now)
	}
	if more := len(shown) - maxShownMetrics; more > 0 {
		return fmt.Sprintf("%s + %d more...", strings.Join(shown[:maxShownMetrics], ", "), more)
	}
	return strings.Join(shown, ", ")
}

func metricCell(spec *autoscalingv2.MetricSpec, now *autoscalingv2.MetricStatus) string {
	var value autoscalingv2.MetricValueStatus
	switch {
	case spec.External != nil && spec.Type == autoscalingv2.ExternalMetricSourceType:
		if now.External != nil {
			value = now.External.Current
		}
		return valueCell(&spec.External.Target, &value)
	case spec.Object != nil && spec.Type == autoscalingv2.ObjectMetricSourceType:
		if now.Object != nil {
			value = now.Object.Current
		}
		return valueCell(&spec.Object.Target, &value)
	case spec.Pods != nil && spec.Type == autoscalingv2.PodsMetricSourceType:
		if now.Pods != nil {
			value = now.Pods.Current
		}
		return quantityCell(value.AverageValue) + "/" + quantityCell(spec.Pods.Target.AverageValue)
	case spec.Resource != nil && spec.Type == autoscalingv2.ResourceMetricSourceType:
		if now.Resource != nil {
			value = now.Resource.Current
		}
		return spec.Resource.Name.String() + ": " + averageCell(&spec.Resource.Target, &value)
	case spec.ContainerResource != nil && spec.Type == autoscalingv2.ContainerResourceMetricSourceType:
		if now.ContainerResource != nil {
			value = now.ContainerResource.Current
		}
		return spec.ContainerResource.Name.String() + ": " + averageCell(&spec.ContainerResource.Target, &value)
	}
	return "<unknown type>"
}

// valueCell shows a metric of something else than the pods.
func valueCell(target *autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return quantityCell(now.AverageValue) + "/" + quantityCell(target.AverageValue) + " (avg)"
	}
	return quantityCell(now.Value) + "/" + quantityCell(target.Value)
}

// averageCell shows a resource that the pods use.
func averageCell(target *autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return quantityCell(now.AverageValue) + "/" + quantityCell(target.AverageValue)
	}
	return percentCell(now.AverageUtilization, unknown) + "/" + percentCell(target.AverageUtilization, "<auto>")
}

const unknown = "<unknown>"

func quantityCell(q *resource.Quantity) string {
	if q == nil {
		return unknown
	}
	return q.String()
}

func percentCell(n *int32, none string) string {
	if n == nil {
		return none
	}
	return fmt.Sprintf("%d%%", *n)
}
