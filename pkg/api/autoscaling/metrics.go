package autoscaling

import (
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

// Metrics: what an autoscaler looks at, each of one source.
//
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#scaling-on-multiple-metrics

func validateMetrics(spec *autoscalingv2.HorizontalPodAutoscalerSpec, described versions, path *field.Path) (errs field.ErrorList) {
	// With no pods there is nothing that the other metrics could be measured on.
	outside := false
	for i := range spec.Metrics {
		metric := &spec.Metrics[i]
		errs = append(errs, validateMetric(metric, described, path.Index(i))...)
		outside = outside || metric.Type == autoscalingv2.ObjectMetricSourceType || metric.Type == autoscalingv2.ExternalMetricSourceType
	}
	if ptr.Deref(spec.MinReplicas, 1) == 0 && !outside {
		errs = append(errs, field.Forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas"))
	}
	return errs
}

var metricTypes = []autoscalingv2.MetricSourceType{autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType,
	autoscalingv2.ObjectMetricSourceType, autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType}

// source is a member of the union that a metric is.
type source struct {
	kind     autoscalingv2.MetricSourceType
	name     string
	isSet    bool
	validate func(path *field.Path) field.ErrorList
}

func validateMetric(metric *autoscalingv2.MetricSpec, described versions, path *field.Path) (errs field.ErrorList) {
	if metric.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "must specify a metric source type"))
	}
	known := check.OneOf(metric.Type, path.Child("type"), metricTypes...)
	errs = append(errs, known...)

	sources := []source{
		{autoscalingv2.ObjectMetricSourceType, "object", metric.Object != nil, func(p *field.Path) field.ErrorList { return validateObject(metric.Object, described, p) }},
		{autoscalingv2.ExternalMetricSourceType, "external", metric.External != nil, func(p *field.Path) field.ErrorList { return validateExternal(metric.External, p) }},
		{autoscalingv2.PodsMetricSourceType, "pods", metric.Pods != nil, func(p *field.Path) field.ErrorList { return validatePods(metric.Pods, p) }},
		{autoscalingv2.ResourceMetricSourceType, "resource", metric.Resource != nil, func(p *field.Path) field.ErrorList { return validateResource(metric.Resource, p) }},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", metric.ContainerResource != nil,
			func(p *field.Path) field.ErrorList { return validateContainerResource(metric.ContainerResource, p) }},
	}
	set := slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return !s.isSet })
	if len(set) > 0 { // of several only the first is looked at
		errs = append(errs, set[0].validate(path.Child(set[0].name))...)
	}
	for _, s := range sources {
		if s.kind == metric.Type && !s.isSet {
			errs = append(errs, field.Required(path.Child(s.name), "must populate information for the given metric source"))
		}
	}
	if len(set) == 1 {
		return errs
	}
	for _, s := range set {
		if s.kind != metric.Type {
			errs = append(errs, field.Forbidden(path.Child(s.name), "must populate the given metric source only"))
		}
	}
	return errs
}

func validateObject(s *autoscalingv2.ObjectMetricSource, described versions, path *field.Path) field.ErrorList {
	errs := validateReference(&s.DescribedObject, described, path.Child("describedObject"))
	errs = append(errs, validateIdentified(&s.Metric, &s.Target, path)...)
	if s.Target.Value == nil && s.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must set either a target value or averageValue"))
	}
	return errs
}

func validateExternal(s *autoscalingv2.ExternalMetricSource, path *field.Path) field.ErrorList {
	errs := validateIdentified(&s.Metric, &s.Target, path)
	switch value, average := s.Target.Value != nil, s.Target.AverageValue != nil; {
	case !value && !average:
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
	case value && average:
		errs = append(errs, field.Forbidden(path.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
	}
	return errs
}

func validatePods(s *autoscalingv2.PodsMetricSource, path *field.Path) field.ErrorList {
	errs := validateIdentified(&s.Metric, &s.Target, path)
	if s.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func validateResource(s *autoscalingv2.ResourceMetricSource, path *field.Path) (errs field.ErrorList) {
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must specify a resource name"))
	}
	return append(errs, validateUsage(&s.Target, path.Child("target"))...)
}

func validateContainerResource(s *autoscalingv2.ContainerResourceMetricSource, path *field.Path) (errs field.ErrorList) {
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must specify a resource name"))
	} else {
		errs = append(errs, resources.ValidateContainerName(s.Name, path.Child("name"))...)
	}
	if s.Container == "" {
		errs = append(errs, field.Required(path.Child("container"), "must specify a container"))
	} else {
		errs = append(errs, check.DNS1123Label(s.Container, path.Child("container"))...)
	}
	return append(errs, validateUsage(&s.Target, path.Child("target"))...)
}

// validateUsage checks the target of a resource that pods use.
func validateUsage(target *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	errs := validateTarget(target, path)
	switch utilization, value := target.AverageUtilization != nil, target.AverageValue != nil; {
	case !utilization && !value:
		errs = append(errs, field.Required(path.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	case utilization && value:
		errs = append(errs, field.Forbidden(path.Child("averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

// validateIdentified checks the name and the target of a metric that is not a resource's.
func validateIdentified(id *autoscalingv2.MetricIdentifier, target *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	errs := validateSegment(id.Name, "must specify a metric name", path.Child("metric", "name"))
	return append(errs, validateTarget(target, path.Child("target"))...)
}

func validateTarget(target *autoscalingv2.MetricTarget, path *field.Path) (errs field.ErrorList) {
	kind := path.Child("type")
	switch target.Type {
	case autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType:
	default:
		if target.Type == "" {
			errs = append(errs, field.Required(kind, "must specify a metric target type"))
		}
		errs = append(errs, field.Invalid(kind, target.Type, "must be either Utilization, Value, or AverageValue"))
	}
	errs = append(errs, validatePositive(target.Value, path.Child("value"))...)
	errs = append(errs, validatePositive(target.AverageValue, path.Child("averageValue"))...)
	if n := target.AverageUtilization; n != nil && *n < 1 {
		errs = append(errs, field.Invalid(path.Child("averageUtilization"), n, "must be greater than 0"))
	}
	return errs
}

func validatePositive(q *resource.Quantity, path *field.Path) field.ErrorList {
	if q != nil && q.Sign() != 1 {
		return field.ErrorList{field.Invalid(path, q, "must be positive")}
	}
	return nil
}
