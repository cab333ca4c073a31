package admission

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// certificateSubject is the plugin CertificateSubjectRestriction: nobody gets a
// client certificate of the group that may do everything by asking for it.
type certificateSubject struct{ plugin.Validates }

// Validate looks at the subject of new requests to the client signer.
func (certificateSubject) Validate(_ context.Context, a *request.Attributes) error {
	csr, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || !plugin.Is(a, certificatesv1.GroupName, "certificatesigningrequests") || a.Operation != request.Create ||
		csr.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return nil
	}
	groups, err := subjectGroups(csr.Spec.Request)
	if err != nil {
		return plugin.Forbid(a, fmt.Errorf("failed to parse CSR: %w", err))
	}
	if slices.Contains(groups, request.GroupMasters) {
		return plugin.Forbid(a, fmt.Errorf("use of %s signer with %s group is not allowed", csr.Spec.SignerName, request.GroupMasters))
	}
	return nil
}

// subjectGroups returns the organizations that a PEM encoded request asks for.
func subjectGroups(encoded []byte) ([]string, error) {
	block, _ := pem.Decode(encoded)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return parsed.Subject.Organization, nil
}
