package autoscaling

import (
	"strconv"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

var parts = api.PartsOf(func(obj *autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv2.HorizontalPodAutoscalerSpec, *autoscalingv2.HorizontalPodAutoscalerStatus) {
	return &obj.Spec, &obj.Status
})

// HorizontalPodAutoscaler is the resource horizontalpodautoscalers.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
var HorizontalPodAutoscaler = &api.Resource{
	Group:      autoscalingv2.GroupName,
	Version:    "v2",
	Kind:       "HorizontalPodAutoscaler",
	Plural:     "horizontalpodautoscalers",
	Singular:   "horizontalpodautoscaler",
	ShortNames: []string{"hpa"},
	Categories: []string{"all"},
	Namespaced: true,
	New:        func() api.Object { return &autoscalingv2.HorizontalPodAutoscaler{} },
	NewList:    func() runtime.Object { return &autoscalingv2.HorizontalPodAutoscalerList{} },

	Default:             setDefaults,
	PrepareCreate:       parts.PrepareCreate,
	PrepareUpdate:       parts.PrepareUpdate,
	Validate:            validate,
	ValidateUpdate:      validateUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Reference", "string", autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["scaleTargetRef"]),
		api.Column("Targets", "string", autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["metrics"]),
		api.Column("MinPods", "string", autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["minReplicas"]),
		api.Column("MaxPods", "string", autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["maxReplicas"]),
		api.Column("Replicas", "string", autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()["currentReplicas"]),
		api.AgeColumn,
	},
	Row: row,

	Subresources: []api.Subresource{
		parts.Status(validateStatus),
	},

	Versions: []api.Version{{
		Group: autoscalingv1.GroupName, Version: "v1",
		New:     func() api.Object { return &autoscalingv1.HorizontalPodAutoscaler{} },
		NewList: func() runtime.Object { return &autoscalingv1.HorizontalPodAutoscalerList{} },
		To:      toV1,
		From:    fromV1,
	}},
}

func row(obj api.Object, now time.Time) []any {
	hpa := obj.(*autoscalingv2.HorizontalPodAutoscaler)
	least := "<unset>"
	if hpa.Spec.MinReplicas != nil {
		least = strconv.Itoa(int(*hpa.Spec.MinReplicas))
	}
	return []any{hpa.Name, hpa.Spec.ScaleTargetRef.Kind + "/" + hpa.Spec.ScaleTargetRef.Name, metricsCell(hpa), least,
		int64(hpa.Spec.MaxReplicas), int64(hpa.Status.CurrentReplicas), api.Age(hpa.CreationTimestamp, now)}
}

// defaultUtilization is the per cent of the CPU that pods asked for at which an
// autoscaler without metrics keeps them.
const defaultUtilization = 80

func setDefaults(obj api.Object) {
	spec := &obj.(*autoscalingv2.HorizontalPodAutoscaler).Spec
	if spec.MinReplicas == nil {
		spec.MinReplicas = ptr.To[int32](1)
	}
	if len(spec.Metrics) == 0 {
		spec.Metrics = []autoscalingv2.MetricSpec{cpuMetric(defaultUtilization)}
	}
	if behavior := spec.Behavior; behavior != nil {
		if behavior.ScaleUp == nil {
			behavior.ScaleUp = &autoscalingv2.HPAScalingRules{}
		}
		if behavior.ScaleDown == nil {
			behavior.ScaleDown = &autoscalingv2.HPAScalingRules{}
		}
		// How long to wait before scaling down is the controller's default.
		if behavior.ScaleUp.StabilizationWindowSeconds == nil {
			behavior.ScaleUp.StabilizationWindowSeconds = new(int32)
		}
		double := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}
		four := autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15}
		defaultRules(behavior.ScaleUp, four, double)
		defaultRules(behavior.ScaleDown, double)
	}
}

func defaultRules(rules *autoscalingv2.HPAScalingRules, policies ...autoscalingv2.HPAScalingPolicy) {
	if rules.SelectPolicy == nil {
		rules.SelectPolicy = ptr.To(autoscalingv2.MaxChangePolicySelect)
	}
	if rules.Policies == nil {
		rules.Policies = policies
	}
}

// cpuMetric is the one metric that v1 knows.
func cpuMetric(utilization int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name:   corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &utilization},
		},
	}
}
