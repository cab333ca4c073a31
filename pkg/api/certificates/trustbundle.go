package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// ClusterTrustBundle is the resource clustertrustbundles: the roots that clients
// of a signer's certificates trust.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#cluster-trust-bundles
var ClusterTrustBundle = &api.Resource{
	Group:          certificatesv1.GroupName,
	Version:        "v1",
	Kind:           "ClusterTrustBundle",
	Plural:         "clustertrustbundles",
	StorageVersion: "v1beta1",
	Singular:       "clustertrustbundle",
	New:            func() api.Object { return &certificatesv1.ClusterTrustBundle{} },
	NewList:        func() runtime.Object { return &certificatesv1.ClusterTrustBundleList{} },

	// What the name may be depends on the signer: Validate says.
	ValidateName: func(string, bool) []string { return nil },
	Validate: func(obj api.Object) field.ErrorList {
		return validateBundle(obj.(*certificatesv1.ClusterTrustBundle), "")
	},
	ValidateUpdate: validateBundleUpdate,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("SignerName", "string", certificatesv1.ClusterTrustBundleSpec{}.SwaggerDoc()["signerName"]),
	},
	Row: func(obj api.Object, _ time.Time) []any {
		return []any{obj.GetName(), api.OrNone(obj.(*certificatesv1.ClusterTrustBundle).Spec.SignerName)}
	},

	Fields: func(obj api.Object) fields.Set {
		return fields.Set{"spec.signerName": obj.(*certificatesv1.ClusterTrustBundle).Spec.SignerName}
	},
	FieldNames: []string{"spec.signerName"},
}

// validateBundle checks a bundle whose anchors were known so far; those it does
// not look at again.
func validateBundle(bundle *certificatesv1.ClusterTrustBundle, known string) (errs field.ErrorList) {
	signer, metadata := bundle.Spec.SignerName, field.NewPath("metadata")
	for _, name := range []struct {
		path   *field.Path
		value  string
		prefix bool
	}{{metadata.Child("generateName"), bundle.GenerateName, true}, {metadata.Child("name"), bundle.Name, false}} {
		if name.value == "" {
			continue
		}
		for _, problem := range check.BundleName(name.value, name.prefix, signer) {
			errs = append(errs, field.Invalid(name.path, name.value, problem))
		}
	}
	if signer != "" {
		errs = append(errs, check.SignerName(signer, field.NewPath("spec", "signerName"))...)
	}
	if known == "" || bundle.Spec.TrustBundle != known {
		errs = append(errs, validateAnchors(bundle.Spec.TrustBundle, field.NewPath("spec", "trustBundle"))...)
	}
	return errs
}

func validateBundleUpdate(obj, old api.Object) field.ErrorList {
	bundle, before := obj.(*certificatesv1.ClusterTrustBundle), old.(*certificatesv1.ClusterTrustBundle)
	return append(validateBundle(bundle, before.Spec.TrustBundle),
		apivalidation.ValidateImmutableField(bundle.Spec.SignerName, before.Spec.SignerName, field.NewPath("spec", "signerName"))...)
}

// maxBundle bounds the PEM of a bundle.
const maxBundle = 1 << 20

func validateAnchors(text string, path *field.Path) (errs field.ErrorList) {
	if len(text) > maxBundle {
		return field.ErrorList{field.TooLong(path, "", maxBundle)}
	}
	refuse := func(why string) { errs = append(errs, field.Invalid(path, "<value omitted>", why)) }
	places := map[string][]int{} // of each anchor
	var anchors []string         // in order, each once
	i := 0
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if problem := anchorProblem(block); problem != "" {
			refuse(fmt.Sprintf("entry %d %s", i, problem))
		} else {
			der := string(block.Bytes)
			if places[der] == nil {
				anchors = append(anchors, der)
			}
			places[der] = append(places[der], i)
		}
		i++
	}
	if len(errs) > 0 {
		return errs
	}
	if len(anchors) == 0 {
		refuse("at least one trust anchor must be provided")
	}
	for _, der := range anchors {
		if len(places[der]) > 1 {
			refuse(fmt.Sprintf("duplicate trust anchor (indices %v)", places[der]))
		}
	}
	return errs
}

func anchorProblem(block *pem.Block) string {
	if block.Type != "CERTIFICATE" {
		return "has bad block type: " + block.Type
	}
	if len(block.Headers) > 0 {
		return "has PEM block headers"
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	switch {
	case err != nil:
		return "does not parse as X.509"
	case !certificate.IsCA:
		return "does not have the CA bit set"
	case !certificate.BasicConstraintsValid:
		return "has invalid basic constraints"
	}
	return ""
}
