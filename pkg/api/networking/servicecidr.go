package networking

import (
	"context"
	"net/netip"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ServiceCIDR is the resource servicecidrs: the networks that the addresses of
// services come from.
//
// https://kep.k8s.io/1880
var ServiceCIDR = &api.Resource{
	Group:    networkingv1.GroupName,
	Version:  "v1",
	Kind:     "ServiceCIDR",
	Plural:   "servicecidrs",
	Singular: "servicecidr",
	New:      func() api.Object { return &networkingv1.ServiceCIDR{} },
	NewList:  func() runtime.Object { return &networkingv1.ServiceCIDRList{} },

	PrepareCreate: func(_ context.Context, obj api.Object) {
		obj.(*networkingv1.ServiceCIDR).Status = networkingv1.ServiceCIDRStatus{}
	},
	PrepareUpdate: func(_ context.Context, obj, old api.Object) {
		obj.(*networkingv1.ServiceCIDR).Status = old.(*networkingv1.ServiceCIDR).Status
	},
	Validate:            validateServiceCIDR,
	ValidateUpdate:      validateServiceCIDRUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("CIDRs", "string", networkingv1.ServiceCIDRSpec{}.SwaggerDoc()["cidrs"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		cidr := obj.(*networkingv1.ServiceCIDR)
		return []any{cidr.Name, strings.Join(cidr.Spec.CIDRs, ","), api.Age(cidr.CreationTimestamp, now)}
	},

	Subresources: []api.Subresource{{
		Name: "status", Verbs: []string{"get", "patch", "update"},
		Put:      putServiceCIDRStatus,
		Validate: api.AlwaysValid,
	}},
}

func putServiceCIDRStatus(_ context.Context, parent, body api.Object) error {
	to, from := parent.(*networkingv1.ServiceCIDR), body.(*networkingv1.ServiceCIDR)
	to.ObjectMeta, to.Status = from.ObjectMeta, from.Status
	return nil
}

func validateServiceCIDR(obj api.Object) (errs field.ErrorList) {
	cidrs, path := obj.(*networkingv1.ServiceCIDR).Spec.CIDRs, field.NewPath("spec", "cidrs")
	if len(cidrs) == 0 {
		return field.ErrorList{field.Required(path, "at least one CIDR required")}
	}
	if len(cidrs) > 2 {
		return field.ErrorList{field.Invalid(path, cidrs, "may only hold up to 2 values")}
	}
	for i, cidr := range cidrs {
		errs = append(errs, validation.IsValidCIDR(path.Index(i), cidr)...)
	}
	if len(errs) == 0 && len(cidrs) == 2 && isIPv4(cidrs[0]) == isIPv4(cidrs[1]) {
		errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"))
	}
	return errs
}

func isIPv4(cidr string) bool {
	prefix, err := netip.ParsePrefix(cidr)
	return err == nil && prefix.Addr().Is4()
}

// validateServiceCIDRUpdate lets a network gain one of the other family and nothing else.
func validateServiceCIDRUpdate(obj, old api.Object) (errs field.ErrorList) {
	cidrs, before := obj.(*networkingv1.ServiceCIDR).Spec.CIDRs, old.(*networkingv1.ServiceCIDR).Spec.CIDRs
	path := field.NewPath("spec", "cidrs")
	if equality.Semantic.DeepEqual(cidrs, before) {
		return nil
	}
	if len(cidrs) == 2 && len(before) == 1 {
		if cidrs[0] != before[0] {
			errs = append(errs, field.Invalid(path.Index(0), cidrs[0], "field is immutable"))
		}
		return append(errs, validateServiceCIDR(obj)...)
	}
	return field.ErrorList{field.Invalid(path, cidrs, "field is immutable")}
}
