package core

import (
	"maps"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
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

	Default:             func(obj api.Object) { emptyNulls(obj.(*corev1.ConfigMap).BinaryData) },
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

// emptyNulls makes of values that are null what storage makes of them.
func emptyNulls(data map[string][]byte) {
	for key, value := range data {
		if value == nil {
			data[key] = []byte{}
		}
	}
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
		if !reflect.DeepEqual(cm.Data, before.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableMessage))
		}
		if !reflect.DeepEqual(cm.BinaryData, before.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableMessage))
		}
	}
	return append(errs, validateConfigMap(obj)...)
}
