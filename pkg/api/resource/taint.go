package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// stampTaint gives a taint that has none the time at which it was added.
func stampTaint(t *resourcev1.DeviceTaint, now metav1.Time) {
	if t.TimeAdded == nil {
		t.TimeAdded = &now
	}
}

// taint checks a taint. before is what it is to replace; it may be nil.
func (c *check) taint(t, before *resourcev1.DeviceTaint, path *field.Path) {
	c.add(metav1validation.ValidateLabelName(t.Key, path.Child("key"))...)
	if t.Value != "" {
		c.add(invalid(t.Value, path.Child("value"), validation.IsValidLabelValue(t.Value))...)
	}
	if before != nil && before.Effect == t.Effect {
		return
	}
	if t.Effect == "" {
		c.tag(field.Required(path.Child("effect"), ""))
	} else {
		c.effect(t.Effect, path.Child("effect"))
	}
}

func (c *check) effect(effect resourcev1.DeviceTaintEffect, path *field.Path) {
	switch effect {
	case resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone:
	default:
		c.tag(field.NotSupported(path, effect, []resourcev1.DeviceTaintEffect{
			resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone}))
	}
}

func (c *check) tolerations(tolerations []resourcev1.DeviceToleration, path *field.Path) {
	for i, t := range tolerations {
		path := path.Index(i)
		if t.Key != "" {
			c.tag(invalid(t.Key, path.Child("key"), content.IsLabelKey(t.Key))...)
		}
		switch t.Operator {
		case resourcev1.DeviceTolerationOpExists:
			if t.Value != "" {
				c.add(field.Invalid(path.Child("value"), t.Value, "must be empty for operator `Exists`"))
			}
		case resourcev1.DeviceTolerationOpEqual:
			c.add(invalid(t.Value, path.Child("value"), validation.IsValidLabelValue(t.Value))...)
		default:
			c.tag(field.NotSupported(path.Child("operator"), t.Operator,
				[]resourcev1.DeviceTolerationOperator{resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists}))
		}
		if t.Effect != "" {
			c.effect(t.Effect, path.Child("effect"))
		}
	}
}

func defaultTolerations(tolerations []resourcev1.DeviceToleration) {
	for i := range tolerations {
		if tolerations[i].Operator == "" {
			tolerations[i].Operator = resourcev1.DeviceTolerationOpEqual
		}
	}
}
