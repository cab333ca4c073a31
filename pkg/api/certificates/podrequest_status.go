package certificates

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

const (
	issued = certificatesv1.PodCertificateRequestConditionTypeIssued
	denied = certificatesv1.PodCertificateRequestConditionTypeDenied
	failed = certificatesv1.PodCertificateRequestConditionTypeFailed

	maxChain = 100 << 10
	// shortestMargin lies between a certificate's renewal and its two ends.
	shortestMargin = 10 * time.Minute
	// greatestSkew is how far a new certificate may begin from the present.
	greatestSkew = 5 * time.Minute
)

var (
	statusPath    = field.NewPath("status")
	chainPath     = field.NewPath("status", "certificateChain")
	notBeforePath = field.NewPath("status", "notBefore")
	notAfterPath  = field.NewPath("status", "notAfter")
	refreshPath   = field.NewPath("status", "beginRefreshAt")
)

// validatePodRequestStatus checks a step of a request. There is one only: it is
// issued, denied or failed, and stays so.
func validatePodRequestStatus(status *certificatesv1.PodCertificateRequestStatus, request *certificatesv1.PodCertificateRequest, now time.Time) field.ErrorList {
	if errs := validateOutcome(status.Conditions); len(errs) > 0 {
		return errs
	}
	same := func(other certificatesv1.PodCertificateRequestStatus, why string) field.ErrorList {
		if equality.Semantic.DeepEqual(*status, other) {
			return nil
		}
		return field.ErrorList{field.Invalid(statusPath, field.OmitValueType{}, why)}
	}
	switch {
	case outcome(request.Status.Conditions) != "":
		return same(request.Status, "immutable after PodCertificateRequest is issued, denied, or failed")
	case outcome(status.Conditions) == "":
		return same(request.Status, `status is immutable unless transitioning to "Issued", "Denied", or "Failed"`)
	case outcome(status.Conditions) != issued:
		return same(certificatesv1.PodCertificateRequestStatus{Conditions: status.Conditions},
			"non-condition status fields must be empty when denying or failing the PodCertificateRequest")
	}
	return validateIssue(status, &request.Spec, now)
}

// outcome returns the condition that holds, if any.
func outcome(conditions []metav1.Condition) string {
	for _, c := range conditions {
		if c.Status == metav1.ConditionTrue && slices.Contains([]string{issued, denied, failed}, c.Type) {
			return c.Type
		}
	}
	return ""
}

func validateOutcome(conditions []metav1.Condition) (errs field.ErrorList) {
	known := 0
	for i, c := range conditions {
		path := field.NewPath("status", "conditions", fmt.Sprintf("[%d]", i)) // upstream's path has this dot
		if wrong := check.OneOf(c.Type, path.Child("type"), issued, denied, failed); len(wrong) > 0 {
			errs = append(errs, wrong...)
			continue
		}
		if known++; known > 1 {
			errs = append(errs, field.Invalid(path.Child("type"), c.Type, `There may be at most one condition with type "Issued", "Denied", or "Failed"`))
		}
		errs = append(errs, check.OneOf(c.Status, path.Child("status"), metav1.ConditionTrue)...)
	}
	return append(errs, metav1validation.ValidateConditions(conditions, field.NewPath("status", "conditions"))...)
}

// validateIssue checks the certificate, and that the status says of it what it is.
func validateIssue(status *certificatesv1.PodCertificateRequestStatus, spec *certificatesv1.PodCertificateRequestSpec, now time.Time) field.ErrorList {
	chain := status.CertificateChain
	refuse := func(why string) field.ErrorList { return field.ErrorList{field.Invalid(chainPath, chain, why)} }
	if len(chain) > maxChain {
		return field.ErrorList{field.TooLong(chainPath, chain, maxChain)}
	}
	block, rest := pem.Decode([]byte(chain))
	if block == nil {
		return refuse("issued certificate chain must contain at least one certificate")
	}
	if block.Type != "CERTIFICATE" {
		return refuse("issued certificate chain must consist entirely of CERTIFICATE PEM blocks")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return refuse("leaf certificate does not parse as valid X.509")
	}
	errs := validateAlternatives(leaf)
	asked, err := x509.ParseCertificateRequest(spec.StubPKCS10Request)
	if err != nil {
		return append(errs, field.Invalid(stubPath, field.OmitValueType{}, "must be a valid PKCS#10 CSR"))
	}
	if key, ok := asked.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && !key.Equal(leaf.PublicKey) {
		return append(errs, refuse("leaf certificate was not issued to the requested public key")...)
	}
	if errs = append(errs, validateTimesSet(status)...); len(errs) > 0 {
		return errs
	}
	if errs := validateTimes(status, leaf, *spec.MaxExpirationSeconds, now); len(errs) > 0 {
		return errs
	}
	return validateIntermediates(rest, refuse)
}

func validateAlternatives(leaf *x509.Certificate) (errs field.ErrorList) {
	refuse := func(value, why string) { errs = append(errs, field.Invalid(chainPath, value, "leaf certificate"+why)) }
	for _, name := range leaf.DNSNames {
		if name == "" {
			refuse(name, " should not contain empty DNSName")
		}
		if strings.Contains(name, "..") {
			refuse(name, "'s DNSName should not contain '..'")
		}
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
			refuse(name, "'s DNSName should not start or end with '.'")
		}
	}
	for _, address := range leaf.EmailAddresses {
		if _, err := mail.ParseAddress(address); err != nil {
			refuse(address, " should not contain invalid EmailAddress")
		}
	}
	return errs
}

func validateTimesSet(status *certificatesv1.PodCertificateRequestStatus) (errs field.ErrorList) {
	const consistent = "must be present and consistent with the issued certificate"
	if status.NotBefore == nil {
		errs = append(errs, field.Required(notBeforePath, consistent))
	}
	if status.NotAfter == nil {
		errs = append(errs, field.Required(notAfterPath, consistent))
	}
	if status.BeginRefreshAt == nil {
		errs = append(errs, field.Required(refreshPath, "must be present and in the range [notbefore+10min, notafter-10min]"))
	}
	return errs
}

func validateTimes(status *certificatesv1.PodCertificateRequestStatus, leaf *x509.Certificate, longest int32, now time.Time) field.ErrorList {
	notBefore, notAfter, refresh := status.NotBefore.Time, status.NotAfter.Time, status.BeginRefreshAt.Time
	refuse := func(path *field.Path, value any, why string) field.ErrorList {
		return field.ErrorList{field.Invalid(path, value, why)}
	}
	switch lifetime := leaf.NotAfter.Sub(leaf.NotBefore); {
	case !notBefore.Equal(leaf.NotBefore):
		return refuse(notBeforePath, notBefore, "must be set to the NotBefore time encoded in the leaf certificate")
	case notBefore.Sub(now).Abs() >= greatestSkew:
		return refuse(notBeforePath, notBefore, "must be set to within 5 minutes of kube-apiserver's current time")
	case !notAfter.Equal(leaf.NotAfter):
		return refuse(notAfterPath, notAfter, "must be set to the NotAfter time encoded in the leaf certificate")
	case lifetime < hour*time.Second:
		return refuse(chainPath, lifetime, "leaf certificate lifetime must be >= 1 hour")
	case lifetime > time.Duration(longest)*time.Second:
		return refuse(chainPath, lifetime, fmt.Sprintf("leaf certificate lifetime must be <= spec.maxExpirationSeconds (%v)", longest))
	case refresh.Before(notBefore.Add(shortestMargin)):
		return refuse(refreshPath, refresh, "must be at least 10 minutes after status.notBefore")
	case refresh.After(notAfter.Add(-shortestMargin)):
		return refuse(refreshPath, refresh, "must be at least 10 minutes before status.notAfter")
	}
	return nil
}

func validateIntermediates(rest []byte, refuse func(why string) field.ErrorList) field.ErrorList {
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return refuse("issued certificate chain must consist entirely of CERTFICATE PEM blocks")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return refuse("intermediate certificate does not parse as valid X.509")
		}
	}
	return nil
}
