package resource

import (
	"context"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// DeviceTaintRule is the resource devicetaintrules: a taint that an
// administrator puts on devices, whatever their drivers say.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#device-taints-and-tolerations
var DeviceTaintRule = &api.Resource{
	Group:          resourcev1.GroupName,
	Version:        "v1",
	Kind:           "DeviceTaintRule",
	Plural:         "devicetaintrules",
	StorageVersion: "v1beta2",
	Singular:       "devicetaintrule",
	New:            func() api.Object { return &resourcev1.DeviceTaintRule{} },
	NewList:        func() runtime.Object { return &resourcev1.DeviceTaintRuleList{} },

	PrepareCreate: func(ctx context.Context, obj api.Object) {
		rule := obj.(*resourcev1.DeviceTaintRule)
		rule.Generation, rule.Status = 1, resourcev1.DeviceTaintRuleStatus{}
		stampTaint(&rule.Spec.Taint, api.Now(ctx))
	},
	PrepareUpdate:  prepareTaintRuleUpdate,
	Validate:       func(obj api.Object) field.ErrorList { return validateTaintRule(obj, nil) },
	ValidateUpdate: validateTaintRule,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Key", "string", taintDoc["key"]),
		api.Column("Value", "string", taintDoc["value"]),
		api.Column("Effect", "string", taintDoc["effect"]),
		api.Column("TimeAdded", "string", taintDoc["timeAdded"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		rule := obj.(*resourcev1.DeviceTaintRule)
		taint, added := &rule.Spec.Taint, ""
		if taint.TimeAdded != nil {
			added = api.Age(*taint.TimeAdded, now)
		}
		return []any{rule.Name, taint.Key, taint.Value, string(taint.Effect), added, api.Age(rule.CreationTimestamp, now)}
	},

	Subresources: []api.Subresource{
		api.StatusAlone(func(_ context.Context, to, from *resourcev1.DeviceTaintRule) { to.Status = from.Status }, validateTaintRuleStatus),
	},
}

var taintDoc = resourcev1.DeviceTaint{}.SwaggerDoc()

func validateTaintRuleStatus(obj, _ api.Object) field.ErrorList {
	conditions, path := obj.(*resourcev1.DeviceTaintRule).Status.Conditions, field.NewPath("status", "conditions")
	c := &check{errs: metav1validation.ValidateConditions(conditions, path)}
	fits(len(conditions), resourcev1.DeviceTaintRuleStatusMaxConditions, path, c.add)
	return c.all()
}

// prepareTaintRuleUpdate keeps the time with the effect: an effect that changes
// counts from now on, unless the client says otherwise.
func prepareTaintRuleUpdate(ctx context.Context, obj, old api.Object) {
	rule, before := obj.(*resourcev1.DeviceTaintRule), old.(*resourcev1.DeviceTaintRule)
	rule.Status = before.Status
	taint, was := &rule.Spec.Taint, &before.Spec.Taint
	if taint.Effect != was.Effect && taint.TimeAdded.Equal(was.TimeAdded) {
		taint.TimeAdded = nil
	}
	stampTaint(taint, api.Now(ctx))
	if !equality.Semantic.DeepEqual(before.Spec, rule.Spec) {
		rule.Generation = before.Generation + 1
	}
}

func validateTaintRule(obj, old api.Object) field.ErrorList {
	spec, path := &obj.(*resourcev1.DeviceTaintRule).Spec, field.NewPath("spec")
	c := &check{}
	if selector := spec.DeviceSelector; selector != nil {
		path := path.Child("deviceSelector")
		if selector.Driver != nil {
			c.add(validateDriverName(*selector.Driver, path.Child("driver"))...)
		}
		if selector.Pool != nil {
			c.add(validatePoolName(*selector.Pool, path.Child("pool"))...)
		}
		if selector.Device != nil {
			c.add(validateLabel(*selector.Device, path.Child("device"))...)
		}
	}
	var before *resourcev1.DeviceTaint
	if old != nil {
		before = &old.(*resourcev1.DeviceTaintRule).Spec.Taint
	}
	c.taint(&spec.Taint, before, path.Child("taint"))
	return c.all()
}
