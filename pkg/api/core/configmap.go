package core

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ConfigMap is the resource configmaps.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/config-map-v1/
var ConfigMap = &api.Resource{
	Version:    "v1",
	Kind:       "ConfigMap",
	Plural:     "configmaps",
	Singular:   "configmap",
	ShortNames: []string{"cm"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.ConfigMap{} },
	NewList:    func() runtime.Object { return &corev1.ConfigMapList{} },

	Validate:            validateConfigMap,
	ValidateUpdate:      validateConfigMapUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Data", "string", corev1.ConfigMap{}.SwaggerDoc()["data"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		cm := obj.(*corev1.ConfigMap)
		return []any{cm.Name, int64(len(cm.Data) + len(cm.BinaryData)), api.Age(cm.CreationTimestamp, now)}
	},
}

// immutableMessage answers for a change to an object whose own field immutable forbids it.
const immutableMessage = "field is immutable when `immutable` is set"

func validateConfigMap(obj api.Object) (errs field.ErrorList) {
	cm := obj.(*corev1.ConfigMap)
	size := 0
	path := field.NewPath("data")
	for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
		errs = append(errs, validateDataKey(key, path)...)
		if _, both := cm.BinaryData[key]; both {
			errs = append(errs, field.Invalid(path.Key(key), key, "duplicate of key present in binaryData"))
		}
		size += len(cm.Data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(cm.BinaryData)) {
		errs = append(errs, validateDataKey(key, field.NewPath("binaryData"))...)
		size += len(cm.BinaryData[key])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return errs
}

func validateDataKey(key string, path *field.Path) (errs field.ErrorList) {
	for _, msg := range validation.IsConfigMapKey(key) {
		errs = append(errs, field.Invalid(path.Key(key), key, msg))
	}
	return errs
}

func validateConfigMapUpdate(obj, old api.Object) (errs field.ErrorList) {
	cm, before := obj.(*corev1.ConfigMap), old.(*corev1.ConfigMap)
	if before.Immutable != nil && *before.Immutable {
		if cm.Immutable == nil || !*cm.Immutable {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableMessage))
		}
		if !equality.Semantic.DeepEqual(cm.Data, before.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableMessage))
		}
		if !equality.Semantic.DeepEqual(cm.BinaryData, before.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableMessage))
		}
	}
	return append(errs, validateConfigMap(obj)...)
}
