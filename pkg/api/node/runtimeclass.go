package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/podspec"
)

// RuntimeClass is the resource runtimeclasses: what runs the containers of pods
// that name it.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/runtime-class-v1/
var RuntimeClass = &api.Resource{
	Group:    nodev1.GroupName,
	Version:  "v1",
	Kind:     "RuntimeClass",
	Plural:   "runtimeclasses",
	Singular: "runtimeclass",
	New:      func() api.Object { return &nodev1.RuntimeClass{} },
	NewList:  func() runtime.Object { return &nodev1.RuntimeClassList{} },

	Validate:       validateRuntimeClass,
	ValidateUpdate: validateRuntimeClassUpdate,
	CreateOnUpdate: true,
	Warnings:       runtimeClassWarnings,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Handler", "string", ""),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		class := obj.(*nodev1.RuntimeClass)
		return []any{class.Name, class.Handler, api.Age(class.CreationTimestamp, now)}
	},
}

// Upstream reads what is wrong with the handler off the tags of the type, so that
// it comes last. An update says only that it may not change.

func validateRuntimeClass(obj api.Object) field.ErrorList {
	class := obj.(*nodev1.RuntimeClass)
	return append(validateRest(class), validateHandler(class.Handler, content.IsDNS1123Label)...)
}

func validateRuntimeClassUpdate(obj, old api.Object) field.ErrorList {
	class, before := obj.(*nodev1.RuntimeClass), old.(*nodev1.RuntimeClass)
	if class.Handler == before.Handler {
		return validateRest(class)
	}
	path := field.NewPath("handler")
	immutable := field.Invalid(path, nil, apivalidation.FieldImmutableErrorMsg)
	if class.Handler == "" {
		return append(validateRest(class), immutable, field.Required(path, ""))
	}
	return append(append(validateHandler(class.Handler, validation.IsDNS1123Label), validateRest(class)...), immutable)
}

// validateHandler checks the handler's name. problems says what is wrong with a label:
// upstream counts characters in an update and bytes otherwise.
func validateHandler(handler string, problems func(string) []string) field.ErrorList {
	path := field.NewPath("handler")
	if handler == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return check.Text(handler, path, problems)
}

func validateRest(class *nodev1.RuntimeClass) (errs field.ErrorList) {
	if class.Overhead != nil {
		errs = append(errs, podspec.ValidateOverhead(class.Overhead.PodFixed, field.NewPath("overhead"))...)
	}
	if class.Scheduling == nil {
		return errs
	}
	path := field.NewPath("scheduling")
	errs = append(errs, metav1validation.ValidateLabels(class.Scheduling.NodeSelector, path.Child("nodeSelector"))...)
	return append(errs, validateTolerations(class.Scheduling.Tolerations, path.Child("tolerations"))...)
}

func validateTolerations(tolerations []corev1.Toleration, path *field.Path) field.ErrorList {
	errs := podspec.ValidateTolerations(tolerations, path)
	seen := sets.New[corev1.Toleration]()
	for i, t := range tolerations {
		key := t
		key.TolerationSeconds = nil
		if seen.Has(key) {
			errs = append(errs, field.Duplicate(path.Index(i), api.Internal(t)))
		}
		seen.Insert(key)
	}
	return errs
}

func runtimeClassWarnings(_ context.Context, obj, _ api.Object) (warnings []string) {
	scheduling := obj.(*nodev1.RuntimeClass).Scheduling
	if scheduling == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(scheduling.NodeSelector)) {
		if message, deprecated := api.DeprecatedNodeLabel(key); deprecated {
			warnings = append(warnings, fmt.Sprintf("%s: %s", field.NewPath("scheduling", "nodeSelector"), message))
		}
	}
	return warnings
}
