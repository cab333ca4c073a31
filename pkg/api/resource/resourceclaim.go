package resource

import (
	"context"
	"strings"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ResourceClaim is the resource resourceclaims: what devices are wanted, and
// which ones were allocated and to whom.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-claim-v1/
var ResourceClaim = &api.Resource{
	Group:      resourcev1.GroupName,
	Version:    "v1",
	Kind:       "ResourceClaim",
	Plural:     "resourceclaims",
	Singular:   "resourceclaim",
	Namespaced: true,
	New:        func() api.Object { return &resourcev1.ResourceClaim{} },
	NewList:    func() runtime.Object { return &resourcev1.ResourceClaimList{} },

	Default: func(obj api.Object) {
		claim := obj.(*resourcev1.ResourceClaim)
		defaultClaim(&claim.Spec.Devices)
		if a := claim.Status.Allocation; a != nil {
			for i := range a.Devices.Results {
				defaultTolerations(a.Devices.Results[i].Tolerations)
			}
		}
	},
	PrepareCreate: func(_ context.Context, obj api.Object) {
		claim := obj.(*resourcev1.ResourceClaim)
		claim.Status = resourcev1.ResourceClaimStatus{}
		dropFromClaim(&claim.Spec.Devices)
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		claim := obj.(*resourcev1.ResourceClaim)
		claim.Status = old.(*resourcev1.ResourceClaim).Status
		dropFromClaim(&claim.Spec.Devices)
	},
	Validate: func(obj api.Object) field.ErrorList {
		c := &check{}
		c.claim(&obj.(*resourcev1.ResourceClaim).Spec.Devices, field.NewPath("spec", "devices"))
		return c.all()
	},
	ValidateUpdate: func(obj, old api.Object) field.ErrorList {
		if equality.Semantic.DeepEqual(obj.(*resourcev1.ResourceClaim).Spec, old.(*resourcev1.ResourceClaim).Spec) {
			return nil
		}
		return field.ErrorList{field.Invalid(field.NewPath("spec"), nil, "field is immutable")}
	},
	UnconditionalUpdate: true,
	ReturnDeleted:       true,
	Warnings: func(_ context.Context, obj, _ api.Object) []string {
		return claimWarnings(&obj.(*resourcev1.ResourceClaim).Spec.Devices, field.NewPath("spec", "devices"))
	},

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("State", "string", "A summary of the current state (allocated, pending, reserved, etc.)."),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		return []any{obj.GetName(), claimState(obj.(*resourcev1.ResourceClaim)), api.Age(obj.GetCreationTimestamp(), now)}
	},

	Subresources: []api.Subresource{
		api.StatusAlone(putClaimStatus, validateClaimStatus),
	},
}

func claimState(claim *resourcev1.ResourceClaim) string {
	var states []string
	if claim.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	switch {
	case claim.Status.Allocation != nil && len(claim.Status.ReservedFor) > 0:
		states = append(states, "allocated", "reserved")
	case claim.Status.Allocation != nil:
		states = append(states, "allocated")
	case claim.DeletionTimestamp == nil:
		states = append(states, "pending")
	}
	return strings.Join(states, ",")
}

// putClaimStatus takes the status. With an allocation goes what drivers have said
// about its devices.
func putClaimStatus(_ context.Context, to, from *resourcev1.ResourceClaim) {
	kept, gone := allocated(from.Status.Allocation), allocated(to.Status.Allocation)
	for device := range gone {
		if kept[device] {
			delete(gone, device)
		}
	}
	status := *from.Status.DeepCopy()
	var devices []resourcev1.AllocatedDeviceStatus
	for _, device := range status.Devices {
		if !gone[deviceID{device.Driver, device.Pool, device.Device}] {
			devices = append(devices, device)
		}
	}
	status.Devices = devices
	if status.Allocation != nil && to.Status.Allocation == nil {
		dropFromResults(status.Allocation.Devices.Results)
	}
	to.Status = status
}

// deviceID names a device in a cluster.
type deviceID struct{ driver, pool, device string }

func allocated(a *resourcev1.AllocationResult) map[deviceID]bool {
	devices := map[deviceID]bool{}
	if a != nil {
		for _, r := range a.Devices.Results {
			devices[deviceID{r.Driver, r.Pool, r.Device}] = true
		}
	}
	return devices
}

func defaultClaim(claim *resourcev1.DeviceClaim) {
	for i := range claim.Requests {
		request := &claim.Requests[i]
		if exact := request.Exactly; exact != nil {
			defaultMode(&exact.AllocationMode, &exact.Count)
			defaultTolerations(exact.Tolerations)
		}
		for j := range request.FirstAvailable {
			sub := &request.FirstAvailable[j]
			defaultMode(&sub.AllocationMode, &sub.Count)
			defaultTolerations(sub.Tolerations)
		}
	}
}

func defaultMode(mode *resourcev1.DeviceAllocationMode, count *int64) {
	if *mode == "" {
		*mode = resourcev1.DeviceAllocationModeExactCount
	}
	if *mode == resourcev1.DeviceAllocationModeExactCount && *count == 0 {
		*count = 1
	}
}

func claimWarnings(claim *resourcev1.DeviceClaim, path *field.Path) (warnings []string) {
	for i, config := range claim.Config {
		warnings = append(warnings, driverWarnings(config.Opaque, path.Child("config").Index(i))...)
	}
	return warnings
}
