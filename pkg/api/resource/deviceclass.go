package resource

import (
	"context"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

var classParts = api.PartsOf(func(obj *resourcev1.DeviceClass) (*resourcev1.DeviceClassSpec, *api.NoStatus) { return &obj.Spec, nil })

// DeviceClass is the resource deviceclasses: devices of a sort, by selectors that
// an administrator has written, with parameters for all of them.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/device-class-v1/
var DeviceClass = &api.Resource{
	Group:    resourcev1.GroupName,
	Version:  "v1",
	Kind:     "DeviceClass",
	Plural:   "deviceclasses",
	Singular: "deviceclass",
	New:      func() api.Object { return &resourcev1.DeviceClass{} },
	NewList:  func() runtime.Object { return &resourcev1.DeviceClassList{} },

	PrepareCreate:       classParts.PrepareCreate,
	PrepareUpdate:       classParts.PrepareUpdate,
	Validate:            func(obj api.Object) field.ErrorList { return validateClass(obj, nil) },
	ValidateUpdate:      validateClass,
	UnconditionalUpdate: true,
	ReturnDeleted:       true,
	Warnings: func(_ context.Context, obj, _ api.Object) (warnings []string) {
		for i, config := range obj.(*resourcev1.DeviceClass).Spec.Config {
			warnings = append(warnings, driverWarnings(config.Opaque, field.NewPath("spec", "config").Index(i))...)
		}
		return warnings
	},

	Columns: []metav1.TableColumnDefinition{api.NameColumn, api.AgeColumn},
	Row: func(obj api.Object, now time.Time) []any {
		return []any{obj.GetName(), api.Age(obj.GetCreationTimestamp(), now)}
	},
}

// validateClass checks a class. What stays as it is in old is taken as valid.
func validateClass(obj, old api.Object) field.ErrorList {
	spec, path, before := &obj.(*resourcev1.DeviceClass).Spec, field.NewPath("spec"), &resourcev1.DeviceClassSpec{}
	if old != nil {
		before = &old.(*resourcev1.DeviceClass).Spec
	}
	c := &check{}
	c.selectors(spec.Selectors, equality.Semantic.DeepEqual(spec.Selectors, before.Selectors), path.Child("selectors"))
	configs := path.Child("config")
	if fits(len(spec.Config), resourcev1.DeviceConfigMaxSize, configs, c.tag) {
		stored := equality.Semantic.DeepEqual(spec.Config, before.Config)
		for i := range spec.Config {
			c.config(&spec.Config[i].DeviceConfiguration, stored, configs.Index(i))
		}
	}
	if name := spec.ExtendedResourceName; name != nil {
		c.tagExtendedResourceName(*name, path.Child("extendedResourceName"))
	}
	return c.all()
}
