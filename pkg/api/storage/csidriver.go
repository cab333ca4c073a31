package storage

import (
	"context"
	"strings"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// CSIDriver is the resource csidrivers: what a driver of volumes wants of the cluster.
//
// https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/csi-driver-v1/
var CSIDriver = &api.Resource{
	Group:    storagev1.GroupName,
	Version:  "v1",
	Kind:     "CSIDriver",
	Plural:   "csidrivers",
	Singular: "csidriver",
	New:      func() api.Object { return &storagev1.CSIDriver{} },
	NewList:  func() runtime.Object { return &storagev1.CSIDriverList{} },

	Default: defaultDriver,
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		if !equality.Semantic.DeepEqual(old.(*storagev1.CSIDriver).Spec, obj.(*storagev1.CSIDriver).Spec) {
			obj.SetGeneration(old.GetGeneration() + 1)
		}
	},
	Validate:       func(obj api.Object) field.ErrorList { return validateDriver(&obj.(*storagev1.CSIDriver).Spec) },
	ValidateUpdate: validateDriverUpdate,
	ReturnDeleted:  true,
	Warnings:       driverWarnings,

	Columns: driverColumns,
	Row: func(obj api.Object, now time.Time) []any {
		driver := obj.(*storagev1.CSIDriver)
		spec := &driver.Spec
		return []any{driver.Name, ptr.Deref(spec.AttachRequired, true), ptr.Deref(spec.PodInfoOnMount, false),
			ptr.Deref(spec.StorageCapacity, false), formatTokens(spec.TokenRequests), ptr.Deref(spec.RequiresRepublish, false),
			formatModes(spec.VolumeLifecycleModes), api.Age(driver.CreationTimestamp, now)}
	},
}

var driverDoc = storagev1.CSIDriverSpec{}.SwaggerDoc()

var driverColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("AttachRequired", "boolean", driverDoc["attachRequired"]),
	api.Column("PodInfoOnMount", "boolean", driverDoc["podInfoOnMount"]),
	api.Column("StorageCapacity", "boolean", driverDoc["storageCapacity"]),
	api.Column("TokenRequests", "string", driverDoc["tokenRequests"]),
	api.Column("RequiresRepublish", "boolean", driverDoc["requiresRepublish"]),
	api.Column("Modes", "string", driverDoc["volumeLifecycleModes"]),
	api.AgeColumn,
}

func formatTokens(requests []storagev1.TokenRequest) string {
	if len(requests) == 0 {
		return "<unset>"
	}
	var audiences []string
	for _, request := range requests {
		audiences = append(audiences, request.Audience)
	}
	return strings.Join(audiences, ",")
}

func formatModes(modes []storagev1.VolumeLifecycleMode) string {
	var list []string
	for _, mode := range modes {
		list = append(list, string(mode))
	}
	return api.OrNone(strings.Join(list, ","))
}

func defaultDriver(obj api.Object) {
	spec := &obj.(*storagev1.CSIDriver).Spec
	for _, f := range []struct {
		field **bool
		value bool
	}{
		{&spec.AttachRequired, true},
		{&spec.PodInfoOnMount, false},
		{&spec.StorageCapacity, false},
		{&spec.RequiresRepublish, false},
		{&spec.SELinuxMount, false},
		{&spec.PreventPodSchedulingIfMissing, false},
	} {
		if *f.field == nil {
			*f.field = &f.value
		}
	}
	if spec.FSGroupPolicy == nil {
		spec.FSGroupPolicy = ptr.To(storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	}
	if len(spec.VolumeLifecycleModes) == 0 {
		spec.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}

func driverWarnings(_ context.Context, obj, old api.Object) []string {
	spec := &obj.(*storagev1.CSIDriver).Spec
	unchanged := old != nil && equality.Semantic.DeepEqual(old.(*storagev1.CSIDriver).Spec.TokenRequests, spec.TokenRequests)
	if unchanged || len(spec.TokenRequests) == 0 || spec.ServiceAccountTokenInSecrets != nil {
		return nil
	}
	return []string{"spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"}
}

// validateDriver checks the spec. That upstream misspells attachRequired is part of the wire.
func validateDriver(spec *storagev1.CSIDriverSpec) (errs field.ErrorList) {
	path := field.NewPath("spec")
	required := func(name string, value *bool) {
		if value == nil {
			errs = append(errs, field.Required(path.Child(name), ""))
		}
	}
	required("attachedRequired", spec.AttachRequired)
	required("podInfoOnMount", spec.PodInfoOnMount)
	required("storageCapacity", spec.StorageCapacity)
	if policy := spec.FSGroupPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("fsGroupPolicy"),
			storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)...)
	}
	errs = append(errs, validateTokenRequests(spec.TokenRequests, path.Child("tokenRequests"))...)
	for _, mode := range spec.VolumeLifecycleModes {
		errs = append(errs, check.OneOf(mode, path.Child("volumeLifecycleModes"),
			storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral)...)
	}
	required("seLinuxMount", spec.SELinuxMount)
	if seconds := spec.NodeAllocatableUpdatePeriodSeconds; seconds != nil && *seconds < 10 {
		errs = append(errs, field.Invalid(path.Child("nodeAllocatableUpdatePeriodSeconds"), *seconds, "must be greater than or equal to 10 seconds"))
	}
	if secret := spec.ServiceAccountTokenInSecrets; secret != nil && len(spec.TokenRequests) == 0 {
		errs = append(errs, field.Invalid(path.Child("serviceAccountTokenInSecrets"), *secret, "serviceAccountTokenInSecrets is set but no tokenRequests are specified"))
	}
	required("preventPodSchedulingIfMissing", spec.PreventPodSchedulingIfMissing)
	return errs
}

func validateTokenRequests(requests []storagev1.TokenRequest, path *field.Path) (errs field.ErrorList) {
	audiences := sets.New[string]()
	for i, request := range requests {
		path := path.Index(i)
		if audiences.Has(request.Audience) {
			errs = append(errs, field.Duplicate(path.Child("audience"), request.Audience))
			continue
		}
		audiences.Insert(request.Audience)
		switch seconds := request.ExpirationSeconds; {
		case seconds == nil:
		case *seconds < 600:
			errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration less than 10 minutes"))
		case *seconds > 1<<32:
			errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return errs
}

func validateDriverUpdate(obj, old api.Object) field.ErrorList {
	spec, before := &obj.(*storagev1.CSIDriver).Spec, &old.(*storagev1.CSIDriver).Spec
	errs := validateDriver(spec)
	errs = append(errs, apivalidation.ValidateImmutableField(spec.AttachRequired, before.AttachRequired, field.NewPath("spec", "attachedRequired"))...)
	return append(errs, apivalidation.ValidateImmutableField(spec.VolumeLifecycleModes, before.VolumeLifecycleModes, field.NewPath("spec", "volumeLifecycleModes"))...)
}
