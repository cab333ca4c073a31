package networking

import (
	"net/netip"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// IPAddress is the resource ipaddresses. Its name is an address in canonical
// form, so that creating it allocates the address.
//
// https://kep.k8s.io/1880
var IPAddress = &api.Resource{
	Group:      networkingv1.GroupName,
	Version:    "v1",
	Kind:       "IPAddress",
	Plural:     "ipaddresses",
	Singular:   "ipaddress",
	ShortNames: []string{"ip"},
	New:        func() api.Object { return &networkingv1.IPAddress{} },
	NewList:    func() runtime.Object { return &networkingv1.IPAddressList{} },

	ValidateName: func(name string, _ bool) (msgs []string) {
		for _, err := range validation.IsValidIP(nil, name) {
			msgs = append(msgs, err.Detail)
		}
		if ip, err := netip.ParseAddr(name); err == nil && ip.String() != name {
			msgs = append(msgs, "must be a canonical format IP address")
		}
		return msgs
	},
	Validate:            validateIPAddress,
	ValidateUpdate:      validateIPAddressUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("ParentRef", "string", networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"]),
		api.AgeColumn,
	},
	Row: func(obj api.Object, now time.Time) []any {
		ip := obj.(*networkingv1.IPAddress)
		return []any{ip.Name, formatParent(ip.Spec.ParentRef), api.Age(ip.CreationTimestamp, now)}
	},
}

func formatParent(ref *networkingv1.ParentReference) string {
	if ref == nil {
		return api.None
	}
	resource := ref.Resource
	if ref.Group != "" {
		resource += "." + ref.Group
	}
	parts := []string{resource}
	if ref.Namespace != "" {
		parts = append(parts, ref.Namespace)
	}
	return strings.Join(append(parts, ref.Name), "/")
}

func validateIPAddress(obj api.Object) (errs field.ErrorList) {
	ref := obj.(*networkingv1.IPAddress).Spec.ParentRef
	path := field.NewPath("spec", "parentRef")
	if ref == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	segment := func(value, name string) {
		for _, msg := range pathvalidation.IsValidPathSegmentName(value) {
			errs = append(errs, field.Invalid(path.Child(name), value, msg))
		}
	}
	if ref.Group != "" {
		for _, msg := range validation.IsDNS1123Subdomain(ref.Group) {
			errs = append(errs, field.Invalid(path.Child("group"), ref.Group, msg))
		}
	}
	if ref.Resource == "" {
		errs = append(errs, field.Required(path.Child("resource"), ""))
	} else {
		segment(ref.Resource, "resource")
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else {
		segment(ref.Name, "name")
	}
	if ref.Namespace != "" {
		segment(ref.Namespace, "namespace")
	}
	return errs
}

func validateIPAddressUpdate(obj, old api.Object) field.ErrorList {
	return apivalidation.ValidateImmutableField(obj.(*networkingv1.IPAddress).Spec.ParentRef,
		old.(*networkingv1.IPAddress).Spec.ParentRef, field.NewPath("spec", "parentRef"))
}
