package authn

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A token that a webhook is to know the server by says what the server may ask it
// about. Such tokens are behind a feature gate that is off upstream; what is wrong
// with a request for one is said all the same.

// apiGroups is the one attestation that there is.
const apiGroups = "admissionReviewAPIGroups"

func forWebhook(ref *authenticationv1.BoundObjectReference) bool {
	return ref != nil && ref.APIVersion == "admissionregistration.k8s.io/v1" &&
		(ref.Kind == "ValidatingWebhookConfiguration" || ref.Kind == "MutatingWebhookConfiguration")
}

func validateAttestations(r *authenticationv1.TokenRequest, spec *field.Path) (errs field.ErrorList) {
	attestations, path := r.Spec.Attestations, spec.Child("attestations")
	if !forWebhook(r.Spec.BoundObjectRef) {
		if len(attestations) > 0 {
			errs = append(errs, field.Invalid(path, attestations, "attestations may only be specified with a webhook bound object reference"))
		}
		return errs
	}
	if len(r.Spec.Audiences) != 1 {
		errs = append(errs, field.Invalid(spec.Child("audiences"), r.Spec.Audiences, "must be length 1 when bound to a webhook config"))
	}
	if len(attestations) != 1 {
		return append(errs, field.Invalid(path, attestations, "webhook bound requests require exactly one admissionReviewAPIGroups attestation"))
	}
	for key, values := range attestations {
		path := path.Key(key)
		switch {
		case key != apiGroups:
			errs = append(errs, field.NotSupported(path, key, []string{apiGroups}))
		case len(values) != 1:
			errs = append(errs, field.Invalid(path, values, "must specify a single value"))
		case values[0] == "":
			errs = append(errs, field.Invalid(path.Index(0), values[0], "may not be an empty string"))
		case values[0] != "*":
			for _, reason := range validation.IsDNS1123Subdomain(values[0]) {
				errs = append(errs, field.Invalid(path.Index(0), values[0], "must specify a valid API Group: "+reason))
			}
		}
	}
	return errs
}
