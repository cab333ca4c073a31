package coordination

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// Lease is the resource leases: who leads, and which node still breathes.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
var Lease = &api.Resource{
	Group:      coordinationv1.GroupName,
	Version:    "v1",
	Kind:       "Lease",
	Plural:     "leases",
	Singular:   "lease",
	Namespaced: true,
	New:        func() api.Object { return &coordinationv1.Lease{} },
	NewList:    func() runtime.Object { return &coordinationv1.LeaseList{} },

	PrepareCreate:  func(_ context.Context, obj api.Object) { dropCoordinated(obj) },
	PrepareUpdate:  func(_ context.Context, obj, _ api.Object) { dropCoordinated(obj) },
	Validate:       validateLease,
	ValidateUpdate: func(obj, _ api.Object) field.ErrorList { return validateLease(obj) },
	CreateOnUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Holder", "string", coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		lease := obj.(*coordinationv1.Lease)
		return []any{lease.Name, ptr.Deref(lease.Spec.HolderIdentity, ""), api.Age(lease.CreationTimestamp, now)}
	},
}

// dropCoordinated drops the fields of coordinated leader election, which is off
// by default upstream as well.
func dropCoordinated(obj api.Object) {
	lease := obj.(*coordinationv1.Lease)
	lease.Spec.Strategy, lease.Spec.PreferredHolder = nil, nil
}

func validateLease(obj api.Object) (errs field.ErrorList) {
	spec, path := &obj.(*coordinationv1.Lease).Spec, field.NewPath("spec")
	if seconds := spec.LeaseDurationSeconds; seconds != nil && *seconds <= 0 {
		errs = append(errs, field.Invalid(path.Child("leaseDurationSeconds"), *seconds, "must be greater than 0"))
	}
	if n := spec.LeaseTransitions; n != nil && *n < 0 {
		errs = append(errs, field.Invalid(path.Child("leaseTransitions"), *n, "must be greater than or equal to 0"))
	}
	return errs
}
