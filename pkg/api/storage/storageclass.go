package storage

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// StorageClass is the resource storageclasses: the sorts of volumes that claims
// can ask for.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/storage-class-v1/
var StorageClass = &api.Resource{
	Group:      storagev1.GroupName,
	Version:    "v1",
	Kind:       "StorageClass",
	Plural:     "storageclasses",
	Singular:   "storageclass",
	ShortNames: []string{"sc"},
	New:        func() api.Object { return &storagev1.StorageClass{} },
	NewList:    func() runtime.Object { return &storagev1.StorageClassList{} },

	Default: func(obj api.Object) {
		class := obj.(*storagev1.StorageClass)
		if class.ReclaimPolicy == nil {
			class.ReclaimPolicy = ptr.To(corev1.PersistentVolumeReclaimDelete)
		}
		if class.VolumeBindingMode == nil {
			class.VolumeBindingMode = ptr.To(storagev1.VolumeBindingImmediate)
		}
	},
	Validate:            validateStorageClass,
	ValidateUpdate:      validateStorageClassUpdate,
	UnconditionalUpdate: true,
	ReturnDeleted:       true,
	Warnings:            storageClassWarnings,

	Columns:   storageClassColumns,
	DefaultOf: defaultClass,
	Row: func(obj api.Object, now time.Time) []any {
		class := obj.(*storagev1.StorageClass)
		return []any{class.Name, class.Provisioner,
			string(ptr.Deref(class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)),
			string(ptr.Deref(class.VolumeBindingMode, storagev1.VolumeBindingImmediate)),
			ptr.Deref(class.AllowVolumeExpansion, false), api.Age(class.CreationTimestamp, now)}
	},
}

// The annotations of a default class, the present one and that of before 2017.
const (
	defaultAnnotation     = "storageclass.kubernetes.io/is-default-class"
	betaDefaultAnnotation = "storageclass.beta.kubernetes.io/is-default-class"
)

// defaultClass returns which of the classes claims get that name none: of those
// that say they are the default the newest, and the first by name of several.
func defaultClass(list []api.Object) int {
	chosen := -1
	for i, class := range list {
		a := class.GetAnnotations()
		if a[defaultAnnotation] != "true" && a[betaDefaultAnnotation] != "true" {
			continue
		}
		if chosen >= 0 {
			newest, created := list[chosen].GetCreationTimestamp(), class.GetCreationTimestamp()
			if created.Before(&newest) || created.Equal(&newest) && class.GetName() > list[chosen].GetName() {
				continue
			}
		}
		chosen = i
	}
	return chosen
}

var storageClassDoc = storagev1.StorageClass{}.SwaggerDoc()

var storageClassColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Provisioner", "string", storageClassDoc["provisioner"]),
	api.Column("ReclaimPolicy", "string", storageClassDoc["reclaimPolicy"]),
	api.Column("VolumeBindingMode", "string", storageClassDoc["volumeBindingMode"]),
	api.Column("AllowVolumeExpansion", "string", storageClassDoc["allowVolumeExpansion"]),
	api.AgeColumn,
}

// validateStorageClass checks that there is a provisioner at the end, as
// upstream reads it off the tags of the type.
func validateStorageClass(obj api.Object) (errs field.ErrorList) {
	class := obj.(*storagev1.StorageClass)
	if class.Provisioner != "" {
		errs = append(errs, validateProvisioner(class.Provisioner, field.NewPath("provisioner"))...)
	}
	errs = append(errs, validateParameters(class.Parameters, field.NewPath("parameters"))...)
	if policy := class.ReclaimPolicy; policy != nil && *policy != "" {
		errs = append(errs, check.OneOf(*policy, field.NewPath("reclaimPolicy"),
			corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain)...)
	}
	if mode := class.VolumeBindingMode; mode == nil {
		errs = append(errs, field.Required(field.NewPath("volumeBindingMode"), ""))
	} else {
		errs = append(errs, check.OneOf(*mode, field.NewPath("volumeBindingMode"),
			storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
	}
	errs = append(errs, validateTopologies(class.AllowedTopologies, field.NewPath("allowedTopologies"))...)
	if class.Provisioner == "" {
		errs = append(errs, field.Required(field.NewPath("provisioner"), ""))
	}
	return errs
}

func validateStorageClassUpdate(obj, old api.Object) field.ErrorList {
	class, before := obj.(*storagev1.StorageClass), old.(*storagev1.StorageClass)
	errs := validateStorageClass(obj)
	for _, f := range []struct {
		name     string
		now, was any
	}{
		{"provisioner", class.Provisioner, before.Provisioner},
		{"parameters", class.Parameters, before.Parameters},
		{"reclaimPolicy", class.ReclaimPolicy, before.ReclaimPolicy},
		{"volumeBindingMode", class.VolumeBindingMode, before.VolumeBindingMode},
	} {
		errs = append(errs, immutable(field.NewPath(f.name), f.now, f.was)...)
	}
	return errs
}

// immutable refuses a change of a field that a tag of its type says is immutable:
// upstream shows no value then.
func immutable(path *field.Path, now, was any) field.ErrorList {
	if equality.Semantic.DeepEqual(now, was) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, nil, "field is immutable")}
}

func storageClassWarnings(_ context.Context, obj, _ api.Object) (warnings []string) {
	for i, term := range obj.(*storagev1.StorageClass).AllowedTopologies {
		for j, expression := range term.MatchLabelExpressions {
			if message, deprecated := api.DeprecatedNodeLabel(expression.Key); deprecated {
				path := field.NewPath("allowedTopologies").Index(i).Child("matchLabelExpressions").Index(j).Child("key")
				warnings = append(warnings, fmt.Sprintf("%s: %s", path, message))
			}
		}
	}
	return warnings
}
