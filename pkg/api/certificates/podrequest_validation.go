package certificates

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// Limits of a pod's request, times in seconds.
const (
	hour = 60 * 60
	day  = 24 * hour

	longestLifetime = 91 * day
	maxUID          = 128
	maxStub         = 10 << 10
)

var stubPath = field.NewPath("spec", "stubPKCS10Request")

func validatePodRequest(obj api.Object) field.ErrorList {
	spec, path := &obj.(*certificatesv1.PodCertificateRequest).Spec, field.NewPath("spec")
	errs := check.SignerName(spec.SignerName, path.Child("signerName"))
	errs = append(errs, validateUserAnnotations(spec.UnverifiedUserAnnotations, path.Child("unverifiedUserAnnotations"))...)
	for _, of := range []struct{ what, name, uid string }{
		{"pod", spec.PodName, string(spec.PodUID)},
		{"serviceAccount", spec.ServiceAccountName, string(spec.ServiceAccountUID)},
		{"node", string(spec.NodeName), string(spec.NodeUID)},
	} {
		for _, problem := range apivalidation.NameIsDNSSubdomain(of.name, false) {
			errs = append(errs, field.Invalid(path.Child(of.what+"Name"), of.name, problem))
		}
		errs = append(errs, validateUID(of.uid, path.Child(of.what+"UID"))...)
	}
	longest := int32(longestLifetime)
	if check.IsKubernetesSigner(spec.SignerName) {
		longest = day
	}
	switch seconds := spec.MaxExpirationSeconds; {
	case seconds == nil:
		return append(errs, field.Required(path.Child("maxExpirationSeconds"), "must be set"))
	case *seconds < hour || *seconds > longest:
		errs = append(errs, field.Invalid(path.Child("maxExpirationSeconds"), *seconds, fmt.Sprintf("must be in the range [%d, %d]", hour, longest)))
	}
	if len(spec.StubPKCS10Request) == 0 {
		return append(errs, field.Invalid(path, field.OmitValueType{}, "exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set"))
	}
	return append(errs, validateStub(spec.StubPKCS10Request)...)
}

func validateUserAnnotations(annotations map[string]string, path *field.Path) (errs field.ErrorList) {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		errs = append(errs, validation.IsDomainPrefixedKey(path, strings.ToLower(key))...)
	}
	if apivalidation.ValidateAnnotationsSize(annotations) != nil {
		errs = append(errs, field.TooLong(path, "", apivalidation.TotalAnnotationSizeLimitB))
	}
	return errs
}

func validateUID(uid string, path *field.Path) field.ErrorList {
	switch {
	case uid == "":
		return field.ErrorList{field.Invalid(path, uid, "must not be empty")}
	case len(uid) > maxUID:
		return field.ErrorList{field.TooLong(path, uid, maxUID)}
	}
	return nil
}

// validateStub checks the request that the kubelet signed: its key is one that
// may be certified, and is the kubelet's.
func validateStub(der []byte) field.ErrorList {
	refuse := func(value any, why string) field.ErrorList {
		return field.ErrorList{field.Invalid(stubPath, value, why)}
	}
	if len(der) > maxStub {
		return field.ErrorList{field.TooLong(stubPath, "", maxStub)}
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return refuse(field.OmitValueType{}, "must be a valid PKCS#10 CSR")
	}
	switch key := request.PublicKey.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return refuse("curve "+key.Curve.Params().Name, "elliptic public keys must use curve P256, P384, or P521")
		}
	case *rsa.PublicKey:
		if bits := key.Size() * 8; bits != 3072 && bits != 4096 {
			return refuse(fmt.Sprintf("%d-bit modulus", bits), "RSA keys must have modulus size 3072 or 4096")
		}
	default:
		return refuse(field.OmitValueType{}, "unknown public key type; supported types are Ed25519, ECDSA, and RSA")
	}
	if request.CheckSignature() != nil {
		return refuse(field.OmitValueType{}, "invalid signature")
	}
	return nil
}

func validatePodRequestUpdate(obj, old api.Object) field.ErrorList {
	spec, before := obj.(*certificatesv1.PodCertificateRequest).Spec, old.(*certificatesv1.PodCertificateRequest).Spec
	if equality.Semantic.DeepEqual(spec, before) {
		return nil
	}
	// Upstream's internal type has two fields more, those of v1beta1.
	shown := bytes.Replace(api.Internal(spec), []byte(`"Stub`), []byte(`"PKIXPublicKey":null,"ProofOfPossession":null,"Stub`), 1)
	return field.ErrorList{field.Invalid(field.NewPath("spec"), json.RawMessage(shown), apivalidation.FieldImmutableErrorMsg)}
}
