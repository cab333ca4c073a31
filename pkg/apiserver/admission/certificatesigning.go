package admission

import (
	"bytes"
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// certificateSigning lets only those write certificates into requests who have
// the verb "sign" on the request's signer.
type certificateSigning struct {
	plugin.Validates
	authorizer request.Authorizer
}

// Validate asks the authorizer where the certificate or a condition changes.
func (c *certificateSigning) Validate(ctx context.Context, a *request.Attributes) error {
	csr, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	old, hasOld := a.OldObject.(*certificatesv1.CertificateSigningRequest)
	if !ok || !hasOld || !plugin.Is(a, certificatesv1.GroupName, "certificatesigningrequests/status") || a.Operation != request.Update {
		return nil
	}
	if bytes.Equal(csr.Status.Certificate, old.Status.Certificate) && equality.Semantic.DeepEqual(csr.Status.Conditions, old.Status.Conditions) {
		return nil
	}
	if mayUseSigner(ctx, c.authorizer, a.User, "sign", old.Spec.SignerName) {
		return nil
	}
	return plugin.Forbid(a, fmt.Errorf("user not permitted to sign requests with signerName %q", old.Spec.SignerName))
}
