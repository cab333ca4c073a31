package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// CSIStorageCapacity is the resource csistoragecapacities: how much a driver can
// still make of a class in one part of the cluster.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-storage-capacity-v1/
var CSIStorageCapacity = &api.Resource{
	Group:      storagev1.GroupName,
	Version:    "v1",
	Kind:       "CSIStorageCapacity",
	Plural:     "csistoragecapacities",
	Singular:   "csistoragecapacity",
	Namespaced: true,
	New:        func() api.Object { return &storagev1.CSIStorageCapacity{} },
	NewList:    func() runtime.Object { return &storagev1.CSIStorageCapacityList{} },

	Validate: func(obj api.Object) field.ErrorList {
		return validateCapacity(obj.(*storagev1.CSIStorageCapacity), metav1validation.LabelSelectorValidationOptions{})
	},
	ValidateUpdate: validateCapacityUpdate,
	Warnings:       capacityWarnings,
}

func validateCapacity(c *storagev1.CSIStorageCapacity, options metav1validation.LabelSelectorValidationOptions) field.ErrorList {
	errs := metav1validation.ValidateLabelSelector(c.NodeTopology, options, field.NewPath("nodeTopology"))
	for _, problem := range apivalidation.NameIsDNSSubdomain(c.StorageClassName, false) {
		errs = append(errs, field.Invalid(field.NewPath("storageClassName"), c.StorageClassName, problem))
	}
	if c.Capacity != nil && c.Capacity.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity"), c.Capacity.String(), apivalidation.IsNegativeErrorMsg))
	}
	return errs
}

func validateCapacityUpdate(obj, old api.Object) field.ErrorList {
	c, before := obj.(*storagev1.CSIStorageCapacity), old.(*storagev1.CSIStorageCapacity)
	var options metav1validation.LabelSelectorValidationOptions
	options.AllowInvalidLabelValueInSelector = len(metav1validation.ValidateLabelSelector(before.NodeTopology, options, nil)) > 0
	errs := validateCapacity(c, options)
	if !equality.Semantic.DeepEqual(c.NodeTopology, before.NodeTopology) {
		errs = append(errs, field.Invalid(field.NewPath("nodeTopology"), c.NodeTopology, apivalidation.FieldImmutableErrorMsg))
	}
	if c.StorageClassName != before.StorageClassName {
		errs = append(errs, field.Invalid(field.NewPath("storageClassName"), c.StorageClassName, apivalidation.FieldImmutableErrorMsg))
	}
	return errs
}

func capacityWarnings(_ context.Context, obj, _ api.Object) (warnings []string) {
	topology, path := obj.(*storagev1.CSIStorageCapacity).NodeTopology, field.NewPath("nodeTopology")
	if topology == nil {
		return nil
	}
	for i, expression := range topology.MatchExpressions {
		if message, deprecated := api.DeprecatedNodeLabel(expression.Key); deprecated {
			warnings = append(warnings, fmt.Sprintf("%s: %s is %s", path.Child("matchExpressions").Index(i).Child("key"), expression.Key, message))
		}
	}
	for _, label := range slices.Sorted(maps.Keys(topology.MatchLabels)) {
		if message, deprecated := api.DeprecatedNodeLabel(label); deprecated {
			warnings = append(warnings, fmt.Sprintf("%s: %s", path.Child("matchLabels", label), message))
		}
	}
	return warnings
}
