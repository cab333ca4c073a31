package storage

import (
	"context"
	"fmt"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/volumesource"
)

// CSINode is the resource csinodes: which drivers a node has, and what they call it.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-node-v1/
var CSINode = &api.Resource{
	Group:    storagev1.GroupName,
	Version:  "v1",
	Kind:     "CSINode",
	Plural:   "csinodes",
	Singular: "csinode",
	New:      func() api.Object { return &storagev1.CSINode{} },
	NewList:  func() runtime.Object { return &storagev1.CSINodeList{} },

	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.(*storagev1.CSINode).Status = storagev1.CSINodeStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*storagev1.CSINode).Status = old.(*storagev1.CSINode).Status
	},
	Validate:       func(obj api.Object) field.ErrorList { return validateNodeDrivers(obj.(*storagev1.CSINode)) },
	ValidateUpdate: validateNodeUpdate,
	ReturnDeleted:  true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Drivers", "integer", "Drivers indicates the number of CSI drivers registered on the node"),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		node := obj.(*storagev1.CSINode)
		return []any{node.Name, int64(len(node.Spec.Drivers)), api.Age(node.CreationTimestamp, now)}
	},

	Subresources: []api.Subresource{
		api.StatusAlone(putNodeStatus, api.AlwaysValid),
	},
}

// putNodeStatus drops the health of storage, as upstream does while its gate
// CSIVolumeHealth is off: there is nothing else in the status.
func putNodeStatus(context.Context, *storagev1.CSINode, *storagev1.CSINode) {}

// maxNodeID bounds what a driver may call a node.
const maxNodeID = 256

func validateNodeDrivers(node *storagev1.CSINode) (errs field.ErrorList) {
	names := sets.New[string]()
	for i := range node.Spec.Drivers {
		driver, path := &node.Spec.Drivers[i], field.NewPath("spec", "drivers").Index(i)
		errs = append(errs, volumesource.CSIDriver(driver.Name, path.Child("name"))...)
		if driver.NodeID == "" {
			errs = append(errs, field.Required(path.Child("nodeID"), ""))
		}
		if len(driver.NodeID) > maxNodeID {
			errs = append(errs, field.Invalid(path.Child("nodeID"), driver.NodeID, fmt.Sprintf("must be %d characters or less", maxNodeID)))
		}
		if a := driver.Allocatable; a != nil && a.Count != nil {
			errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*a.Count), path.Child("allocatable", "count"))...)
		}
		if names.Has(driver.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), driver.Name))
		}
		names.Insert(driver.Name)
		errs = append(errs, validateTopologyKeys(driver.TopologyKeys, path)...)
	}
	return errs
}

func validateTopologyKeys(keys []string, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[string]()
	for _, key := range keys {
		if key == "" {
			errs = append(errs, field.Required(path, key))
		}
		if seen.Has(key) {
			errs = append(errs, field.Duplicate(path, key))
		}
		seen.Insert(key)
		errs = append(errs, check.QualifiedName(key, path)...)
	}
	return errs
}

// validateNodeUpdate lets drivers come and go, and how many volumes they take
// change, but nothing else of them.
func validateNodeUpdate(obj, old api.Object) field.ErrorList {
	node := obj.(*storagev1.CSINode)
	errs := validateNodeDrivers(node)
	for _, before := range old.(*storagev1.CSINode).Spec.Drivers {
		for _, driver := range node.Spec.Drivers {
			before.Allocatable, driver.Allocatable = nil, nil
			if driver.Name == before.Name && !equality.Semantic.DeepEqual(driver, before) {
				errs = append(errs, field.Invalid(field.NewPath("spec", "drivers"), api.Internal(driver), "field is immutable"))
			}
		}
	}
	return errs
}
