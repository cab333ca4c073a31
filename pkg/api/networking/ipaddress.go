package networking

import (
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
		return msgs
	},
	Validate:            validateIPAddress,
	ValidateUpdate:      validateIPAddressUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("ParentRef", "string", networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"]),
	},
	// The age has no column, as upstream has it.
	Row: func(obj api.Object, now time.Time) []any {
		return []any{obj.GetName(), formatParent(obj.(*networkingv1.IPAddress).Spec.ParentRef), api.Age(obj.GetCreationTimestamp(), now)}
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
	parts := []string{strings.ToLower(resource)}
	if ref.Namespace != "" {
		parts = append(parts, ref.Namespace)
	}
	return strings.Join(append(parts, ref.Name), "/")
}

// validateIPAddress checks that the parts of the reference are there at the end, as
// upstream reads it off the tags of the type.
func validateIPAddress(obj api.Object) (errs field.ErrorList) {
	ref := obj.(*networkingv1.IPAddress).Spec.ParentRef
	path := field.NewPath("spec", "parentRef")
	if ref == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	var missing field.ErrorList
	if ref.Group != "" {
		errs = append(errs, invalid(ref.Group, path.Child("group"), validation.IsDNS1123Subdomain(ref.Group))...)
	}
	for _, part := range []struct{ name, value string }{{"resource", ref.Resource}, {"name", ref.Name}} {
		if part.value == "" {
			missing = append(missing, field.Required(path.Child(part.name), ""))
		} else {
			errs = append(errs, invalid(part.value, path.Child(part.name), pathvalidation.IsValidPathSegmentName(part.value))...)
		}
	}
	if ref.Namespace != "" {
		errs = append(errs, invalid(ref.Namespace, path.Child("namespace"), pathvalidation.IsValidPathSegmentName(ref.Namespace))...)
	}
	return append(errs, missing...)
}

func validateIPAddressUpdate(obj, old api.Object) field.ErrorList {
	path, ref := field.NewPath("spec", "parentRef"), obj.(*networkingv1.IPAddress).Spec.ParentRef
	if equality.Semantic.DeepEqual(ref, old.(*networkingv1.IPAddress).Spec.ParentRef) {
		return nil
	}
	if ref == nil {
		return field.ErrorList{field.Required(path, ""), field.Invalid(path, nil, apivalidation.FieldImmutableErrorMsg)}
	}
	return field.ErrorList{field.Invalid(path, nil, apivalidation.FieldImmutableErrorMsg)}
}
