package admission

import (
	"context"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"

	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
)

// certificateApproval lets only those approve or deny certificate requests who have
// the verb "approve" on the request's signer.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization
type certificateApproval struct {
	plugin.Validates
	authorizer request.Authorizer
}

// Validate asks the authorizer.
func (c *certificateApproval) Validate(ctx context.Context, a *request.Attributes) error {
	csr, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || !plugin.Is(a, certificatesv1.GroupName, "certificatesigningrequests/approval") || a.Operation != request.Update {
		return nil
	}
	if mayUseSigner(ctx, c.authorizer, a.User, "approve", csr.Spec.SignerName) {
		return nil
	}
	return plugin.Forbid(a, fmt.Errorf("user not permitted to approve requests with signerName %q", csr.Spec.SignerName))
}

// mayUseSigner asks about the signer itself, and about all of its domain: a
// role may name "example.com/*".
func mayUseSigner(ctx context.Context, authorizer request.Authorizer, user *request.User, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, _ := authorizer.Authorize(ctx, &request.Authorization{User: user, Info: &request.Info{
			IsResource: true,
			Verb:       verb,
			APIGroup:   certificatesv1.GroupName,
			APIVersion: "*",
			Resource:   "signers",
			Name:       name,
		}})
		if decision == request.Allow {
			return true
		}
	}
	return false
}
