package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// requestRules says what a validation lets pass: what this write may set, and
// what was stored before there was a rule against it.
type requestRules struct {
	mayDecide  bool // set the conditions Approved and Denied
	mayIssue   bool // set the certificate
	oldSigner  bool
	duplicates bool // of conditions
	untyped    bool // conditions
	anyBytes   bool // in the certificate
	anyUsage   bool
	sameUsages bool
	bothWays   bool // approved and denied
}

// rulesFor returns the rules for a request that replaces old.
func rulesFor(csr, old *certificatesv1.CertificateSigningRequest) requestRules {
	types := sets.New[certificatesv1.RequestConditionType]()
	for _, c := range old.Status.Conditions {
		types.Insert(c.Type)
	}
	return requestRules{
		oldSigner:  old.Spec.SignerName == legacySigner,
		duplicates: types.Len() < len(old.Status.Conditions),
		untyped:    types.Has(""),
		anyBytes:   bytes.Equal(csr.Status.Certificate, old.Status.Certificate) || certificateProblem(old.Status.Certificate) != nil,
		anyUsage:   slices.ContainsFunc(old.Spec.Usages, func(u certificatesv1.KeyUsage) bool { return !slices.Contains(usages, u) }),
		sameUsages: sets.New(old.Spec.Usages...).Len() < len(old.Spec.Usages),
		bothWays:   types.HasAll(decisions...),
	}
}

// validateRequest looks at the name, which may be anything that can be a part of a
// path, if all else is right.
func validateRequest(obj api.Object) field.ErrorList {
	errs := requestRules{}.request(obj.(*certificatesv1.CertificateSigningRequest))
	if len(errs) == 0 {
		errs = check.Text(obj.GetName(), field.NewPath("metadata", "name"), pathvalidation.IsValidPathSegmentName)
	}
	return errs
}

func validateRequestUpdate(obj, old api.Object) field.ErrorList {
	csr, before := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	return rulesFor(csr, before).change(csr, before)
}

func validateApproval(obj, old api.Object) field.ErrorList {
	csr, before := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	rules := rulesFor(csr, before)
	rules.mayDecide = true
	return rules.change(csr, before)
}

func validateRequestStatus(obj, old api.Object) field.ErrorList {
	csr, before := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	rules := rulesFor(csr, before)
	rules.mayIssue = true
	return rules.change(csr, before)
}

// legacySigner was the signer of requests of v1beta1 that named none.
const legacySigner = "kubernetes.io/legacy-unknown"

// shortestLifetime bounds expirationSeconds.
const shortestLifetime = 600

func (r requestRules) request(csr *certificatesv1.CertificateSigningRequest) (errs field.ErrorList) {
	spec, path := &csr.Spec, field.NewPath("spec")
	if err := requestProblem(spec.Request); err != nil {
		errs = append(errs, field.Invalid(path.Child("request"), spec.Request, err.Error()))
	}
	errs = append(errs, r.usages(spec.Usages, path.Child("usages"))...)
	if signer := path.Child("signerName"); !r.oldSigner && spec.SignerName == legacySigner {
		errs = append(errs, field.Invalid(signer, spec.SignerName, "the legacy signerName is not allowed via this API version"))
	} else {
		errs = append(errs, check.SignerName(spec.SignerName, signer)...)
	}
	if seconds := spec.ExpirationSeconds; seconds != nil && *seconds < shortestLifetime {
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	errs = append(errs, r.conditions(csr.Status.Conditions, field.NewPath("status", "conditions"))...)
	if !r.anyBytes {
		if err := certificateProblem(csr.Status.Certificate); err != nil {
			errs = append(errs, field.Invalid(field.NewPath("status", "certificate"), "<certificate data>", err.Error()))
		}
	}
	return errs
}

// requestProblem says what is wrong with a request in PEM.
func requestProblem(text []byte) error {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	return request.CheckSignature()
}

// certificateProblem says what is wrong with a chain in PEM, which may be empty.
func certificateProblem(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type)
		}
		if len(block.Headers) > 0 {
			return errors.New("no PEM block headers are permitted")
		}
		blocks++
		switch certificates, err := x509.ParseCertificates(block.Bytes); {
		case err != nil:
			return err
		case len(certificates) == 0:
			return errors.New("found CERTIFICATE PEM block containing 0 certificates")
		}
	}
	if blocks == 0 {
		return errors.New("must contain at least one CERTIFICATE PEM block")
	}
	return nil
}

// usages are those that a certificate can be asked for, sorted.
var usages = []certificatesv1.KeyUsage{
	certificatesv1.UsageAny, certificatesv1.UsageCertSign, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning,
	certificatesv1.UsageContentCommitment, certificatesv1.UsageCRLSign, certificatesv1.UsageDataEncipherment,
	certificatesv1.UsageDecipherOnly, certificatesv1.UsageDigitalSignature, certificatesv1.UsageEmailProtection,
	certificatesv1.UsageEncipherOnly, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel,
	certificatesv1.UsageIPsecUser, certificatesv1.UsageKeyAgreement, certificatesv1.UsageKeyEncipherment,
	certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC, certificatesv1.UsageOCSPSigning,
	certificatesv1.UsageSMIME, certificatesv1.UsageServerAuth, certificatesv1.UsageSigning, certificatesv1.UsageTimestamping,
}

func (r requestRules) usages(asked []certificatesv1.KeyUsage, path *field.Path) (errs field.ErrorList) {
	if len(asked) == 0 {
		errs = append(errs, field.Required(path, ""))
	}
	for i, usage := range asked {
		if !r.anyUsage {
			errs = append(errs, check.OneOf(usage, path.Index(i), usages...)...)
		}
	}
	for i, usage := range asked {
		if !r.sameUsages && slices.Contains(asked[:i], usage) {
			errs = append(errs, field.Duplicate(path.Index(i), usage))
		}
	}
	return errs
}

func (r requestRules) conditions(conditions []certificatesv1.CertificateSigningRequestCondition, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[certificatesv1.RequestConditionType]()
	for i, c := range conditions {
		kind, status := path.Index(i).Child("type"), path.Index(i).Child("status")
		if c.Type == "" && !r.untyped {
			errs = append(errs, field.Required(kind, ""))
		}
		allowed := []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown}
		if slices.Contains(final, c.Type) {
			allowed = []corev1.ConditionStatus{corev1.ConditionTrue}
		}
		if c.Status == "" {
			errs = append(errs, field.Required(status, ""))
		} else {
			errs = append(errs, check.OneOf(c.Status, status, allowed...)...)
		}
		if seen.Has(c.Type) && !r.duplicates {
			errs = append(errs, field.Duplicate(kind, c.Type))
		}
		seen.Insert(c.Type)
	}
	return errs
}

// final are the conditions that, once there, stay and hold.
var final = append(slices.Clone(decisions), certificatesv1.CertificateFailed)

func (r requestRules) change(csr, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := r.request(csr)
	conditions, certificate := field.NewPath("status", "conditions"), field.NewPath("status", "certificate")
	count := func(kind certificatesv1.RequestConditionType) (now, before int) {
		return len(ofType(csr.Status.Conditions, kind)), len(ofType(old.Status.Conditions, kind))
	}
	for _, kind := range final {
		if now, before := count(kind); now < before {
			errs = append(errs, field.Forbidden(conditions, fmt.Sprintf("updates may not remove a condition of type %q", kind)))
		}
	}
	for _, kind := range decisions {
		if now, before := count(kind); now > before && !r.mayDecide {
			errs = append(errs, field.Forbidden(conditions, fmt.Sprintf("updates may not add a condition of type %q", kind)))
		}
	}
	if !bytes.Equal(csr.Status.Certificate, old.Status.Certificate) {
		switch {
		case !r.mayIssue:
			errs = append(errs, field.Forbidden(certificate, "updates may not set certificate content"))
		case len(old.Status.Certificate) > 0:
			errs = append(errs, field.Forbidden(certificate, "updates may not modify existing certificate content"))
		}
	}
	// Upstream reads this off the tags of the type: it comes last.
	approved, _ := count(certificatesv1.CertificateApproved)
	denied, _ := count(certificatesv1.CertificateDenied)
	if approved > 0 && denied > 0 && !r.bothWays {
		const yes, no = `conditions[{"type": "Approved"}]`, `conditions[{"type": "Denied"}]`
		errs = append(errs, field.Invalid(conditions, "{"+yes+", "+no+"}", "must specify at most one of: `"+yes+"`, `"+no+"`"))
	}
	return errs
}
