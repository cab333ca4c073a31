package storage

import (
	"maps"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// VolumeAttributesClass is the resource volumeattributesclasses: what a claim can
// change of its volume after that was made.
//
// https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/
var VolumeAttributesClass = &api.Resource{
	Group:      storagev1.GroupName,
	Version:    "v1",
	Kind:       "VolumeAttributesClass",
	Plural:     "volumeattributesclasses",
	Singular:   "volumeattributesclass",
	ShortNames: []string{"vac"},
	New:        func() api.Object { return &storagev1.VolumeAttributesClass{} },
	NewList:    func() runtime.Object { return &storagev1.VolumeAttributesClassList{} },

	Validate:            validateAttributes,
	ValidateUpdate:      validateAttributesUpdate,
	UnconditionalUpdate: true,
	ReturnDeleted:       true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("DriverName", "string", storagev1.VolumeAttributesClass{}.SwaggerDoc()["driverName"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		class := obj.(*storagev1.VolumeAttributesClass)
		return []any{class.Name, class.DriverName, api.Age(class.CreationTimestamp, now)}
	},
}

func validateAttributes(obj api.Object) field.ErrorList {
	class, path := obj.(*storagev1.VolumeAttributesClass), field.NewPath("parameters")
	errs := validateProvisioner(class.DriverName, field.NewPath("driverName"))
	errs = append(errs, validateParameters(class.Parameters, path)...)
	if len(class.Parameters) == 0 {
		errs = append(errs, field.Required(path, "must contain at least one key/value pair"))
	}
	return errs
}

func validateAttributesUpdate(obj, old api.Object) (errs field.ErrorList) {
	class, before := obj.(*storagev1.VolumeAttributesClass), old.(*storagev1.VolumeAttributesClass)
	if class.DriverName != before.DriverName {
		errs = append(errs, field.Forbidden(field.NewPath("driverName"), "updates to driverName are forbidden."))
	}
	if !maps.Equal(class.Parameters, before.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	return append(errs, validateAttributes(obj)...)
}
