package limits

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/resources"
)

// Range is the definition of limitranges: how much a container, a pod or a claim
// of a namespace may ask for, and what it gets if it does not say.
//
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/limit-range-v1/
var Range = &api.Resource{
	Version:    "v1",
	Kind:       "LimitRange",
	Plural:     "limitranges",
	Singular:   "limitrange",
	ShortNames: []string{"limits"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.LimitRange{} },
	NewList:    func() runtime.Object { return &corev1.LimitRangeList{} },

	Default:             defaultLimitRange,
	PrepareCreate:       prepareLimitRangeCreate,
	Validate:            validateLimitRange,
	ValidateUpdate:      func(obj, _ api.Object) field.ErrorList { return validateLimitRange(obj) },
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,
}

// prepareLimitRangeCreate names what comes without a name.
func prepareLimitRangeCreate(_ context.Context, obj api.Object) {
	if obj.GetName() == "" {
		obj.SetName(string(uuid.NewUUID()))
	}
}

// defaultLimitRange has a container limited to the maximum if nothing else is
// said, and request its limit, else the minimum.
func defaultLimitRange(obj api.Object) {
	limits := obj.(*corev1.LimitRange).Spec.Limits
	for i := range limits {
		item := &limits[i]
		if item.Type == corev1.LimitTypeContainer {
			fillIn(&item.Default, item.Max)
			fillIn(&item.DefaultRequest, item.Default)
			fillIn(&item.DefaultRequest, item.Min)
		}
		for _, list := range []corev1.ResourceList{item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio} {
			resources.Round(list)
		}
	}
}

// fillIn adds to a list the amounts that it lacks.
func fillIn(list *corev1.ResourceList, from corev1.ResourceList) {
	if *list == nil {
		*list = corev1.ResourceList{}
	}
	for name, quantity := range from {
		if _, ok := (*list)[name]; !ok {
			(*list)[name] = quantity.DeepCopy()
		}
	}
}
