package resource

import (
	"context"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// ResourceSlice is the resource resourceslices: devices that a driver offers,
// some of a pool.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-slice-v1/
var ResourceSlice = &api.Resource{
	Group:    resourcev1.GroupName,
	Version:  "v1",
	Kind:     "ResourceSlice",
	Plural:   "resourceslices",
	Singular: "resourceslice",
	New:      func() api.Object { return &resourcev1.ResourceSlice{} },
	NewList:  func() runtime.Object { return &resourcev1.ResourceSliceList{} },

	PrepareCreate: func(ctx context.Context, obj api.Object) {
		obj.SetGeneration(1)
		prepareSlice(ctx, &obj.(*resourcev1.ResourceSlice).Spec)
	},
	PrepareUpdate: func(ctx context.Context, obj, old api.Object) {
		slice := obj.(*resourcev1.ResourceSlice)
		prepareSlice(ctx, &slice.Spec)
		if !equality.Semantic.DeepEqual(old.(*resourcev1.ResourceSlice).Spec, slice.Spec) {
			slice.Generation = old.GetGeneration() + 1
		}
	},
	Validate:            func(obj api.Object) field.ErrorList { return validateSlice(obj, nil) },
	ValidateUpdate:      validateSlice,
	UnconditionalUpdate: true,
	ReturnDeleted:       true,
	Warnings: func(_ context.Context, obj, _ api.Object) []string {
		return uppercaseWarning(field.NewPath("spec", "driver"), obj.(*resourcev1.ResourceSlice).Spec.Driver)
	},

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Node", "string", sliceDoc["nodeName"]),
		api.Column("Driver", "string", sliceDoc["driver"]),
		api.Column("Pool", "string", resourcev1.ResourcePool{}.SwaggerDoc()["name"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		slice := obj.(*resourcev1.ResourceSlice)
		return []any{slice.Name, ptr.Deref(slice.Spec.NodeName, ""), slice.Spec.Driver, slice.Spec.Pool.Name, api.Age(slice.CreationTimestamp, now)}
	},

	Fields: func(obj api.Object) fields.Set {
		spec := &obj.(*resourcev1.ResourceSlice).Spec
		return fields.Set{
			resourcev1.ResourceSliceSelectorNodeName: ptr.Deref(spec.NodeName, ""),
			resourcev1.ResourceSliceSelectorDriver:   spec.Driver,
			resourcev1.ResourceSliceSelectorPoolName: spec.Pool.Name,
		}
	},
	FieldNames:   []string{resourcev1.ResourceSliceSelectorDriver, resourcev1.ResourceSliceSelectorNodeName, resourcev1.ResourceSliceSelectorPoolName},
	UnknownField: "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: %s",
}

var sliceDoc = resourcev1.ResourceSliceSpec{}.SwaggerDoc()

func prepareSlice(ctx context.Context, spec *resourcev1.ResourceSliceSpec) {
	dropFromSlice(spec)
	now := api.Now(ctx)
	for i := range spec.Devices {
		for j := range spec.Devices[i].Taints {
			stampTaint(&spec.Devices[i].Taints[j], now)
		}
	}
}
