package all

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"
)

// rawFuncs make data that looks the same in each encoding: JSON without spaces.
func rawFuncs(serializer.CodecFactory) []any {
	return []any{func(r *runtime.RawExtension, c randfill.Continue) {
		r.Raw = fmt.Appendf(nil, `{"n":%d}`, c.Int31())
	}}
}

// schemaFuncs make small schemas: filled at random, one that holds others has no end.
func schemaFuncs(serializer.CodecFactory) []any {
	return []any{
		func(j *apiextensionsv1.JSON, c randfill.Continue) {
			j.Raw = fmt.Appendf(nil, `{"n":%d}`, c.Int31())
		},
		func(s *apiextensionsv1.JSONSchemaProps, c randfill.Continue) {
			s.Type, s.Description, s.Nullable = "object", c.String(20), c.Bool()
			s.Properties = map[string]apiextensionsv1.JSONSchemaProps{"name": {Type: "string", Pattern: c.String(20)},
				"list": {Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{Type: "integer"}}}}
			s.AdditionalProperties = &apiextensionsv1.JSONSchemaPropsOrBool{Allows: c.Bool()}
		},
	}
}

// autoscalingFuncs make metrics that autoscaling/v1 can say: there, the kind of a
// target follows from which number is given.
func autoscalingFuncs(serializer.CodecFactory) []any {
	quantity := func(c randfill.Continue) *resource.Quantity {
		q := &resource.Quantity{}
		c.Fill(q)
		return q
	}
	utilization := func(c randfill.Continue) *int32 {
		n := c.Int31()
		return &n
	}
	return []any{
		func(m *autoscalingv2.MetricSpec, c randfill.Continue) {
			c.FillNoCustom(m)
			usage := autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: utilization(c)}
			if m.Object != nil {
				m.Object.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity(c)}
			}
			if m.Pods != nil {
				m.Pods.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity(c)}
			}
			if m.Resource != nil {
				m.Resource.Name, m.Resource.Target = corev1.ResourceMemory, usage
			}
			if m.ContainerResource != nil {
				m.ContainerResource.Target = usage
			}
			if m.External != nil {
				m.External.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity(c)}
			}
		},
		func(m *autoscalingv2.MetricStatus, c randfill.Continue) {
			c.FillNoCustom(m)
			value := autoscalingv2.MetricValueStatus{Value: quantity(c)}
			average := autoscalingv2.MetricValueStatus{AverageValue: quantity(c)}
			usage := autoscalingv2.MetricValueStatus{AverageValue: quantity(c), AverageUtilization: utilization(c)}
			if m.Object != nil {
				m.Object.Current = value
			}
			if m.Pods != nil {
				m.Pods.Current = average
			}
			if m.Resource != nil {
				m.Resource.Current = usage
			}
			if m.ContainerResource != nil {
				m.ContainerResource.Current = usage
			}
			if m.External != nil {
				m.External.Current = value
			}
		},
		func(b *autoscalingv2.HorizontalPodAutoscalerBehavior, c randfill.Continue) {
			c.FillNoCustom(b)
			b.ScaleUp = &autoscalingv2.HPAScalingRules{} // one without any rule is as none
		},
	}
}
