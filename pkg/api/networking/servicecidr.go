package networking

import (
	"context"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

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

	Subresources: []api.Subresource{
		api.StatusAlone(func(_ context.Context, to, from *networkingv1.ServiceCIDR) { to.Status = from.Status }, api.AlwaysValid),
	},
}

func validateServiceCIDR(obj api.Object) (errs field.ErrorList) {
	spec, path := &obj.(*networkingv1.ServiceCIDR).Spec, field.NewPath("spec", "cidrs")
	switch n := len(spec.CIDRs); {
	case n == 0:
		return field.ErrorList{field.Required(path, "at least one CIDR required")}
	case n > 2:
		return field.ErrorList{field.Invalid(path, api.Internal(spec), "may only hold up to 2 values")}
	}
	for i, cidr := range spec.CIDRs {
		errs = append(errs, validation.IsValidCIDR(path.Index(i), cidr)...)
	}
	if len(spec.CIDRs) == 2 {
		family := netutils.IPFamilyOfCIDRString(spec.CIDRs[0])
		if family != netutils.IPFamilyUnknown && family == netutils.IPFamilyOfCIDRString(spec.CIDRs[1]) {
			errs = append(errs, field.Invalid(path, spec.CIDRs, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"))
		}
	}
	return errs
}

// validateServiceCIDRUpdate lets a network gain one of the other family and nothing else.
func validateServiceCIDRUpdate(obj, old api.Object) (errs field.ErrorList) {
	cidrs, before := obj.(*networkingv1.ServiceCIDR).Spec.CIDRs, old.(*networkingv1.ServiceCIDR).Spec.CIDRs
	path, gains := field.NewPath("spec", "cidrs"), len(before) == 1 && len(cidrs) == 2
	if len(cidrs) != len(before) && !gains {
		return field.ErrorList{field.Invalid(path, cidrs, apivalidation.FieldImmutableErrorMsg)}
	}
	for i, cidr := range before {
		if cidrs[i] != cidr {
			errs = append(errs, field.Invalid(path.Index(i), cidrs[i], apivalidation.FieldImmutableErrorMsg))
		}
	}
	if gains {
		errs = append(errs, validateServiceCIDR(obj)...)
	}
	return errs
}
