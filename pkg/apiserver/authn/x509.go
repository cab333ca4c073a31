package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"slowmo/pkg/apiserver/request"
)

// ClientCertificates authenticates by the certificate of the connection: the
// common name is the user, the organizations are its groups.
//
// The TLS listener must ask for certificates and need not verify them
// (tls.RequestClientCert): a client with a bad one gets a 401 that says so and
// no broken connection.
type ClientCertificates struct {
	roots *x509.CertPool
	known cache[*request.User]
}

// NewClientCertificates trusts what roots have signed for client use.
func NewClientCertificates(roots *x509.CertPool) *ClientCertificates {
	return &ClientCertificates{roots: roots}
}

// Authenticate knows requests on connections with a client certificate.
func (c *ClientCertificates) Authenticate(r *http.Request) (*request.User, bool, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	leaf := r.TLS.PeerCertificates[0]
	now, id := time.Now(), sha256.Sum256(leaf.Raw)
	if user, there := c.known.get(id, now); there {
		return user, true, nil
	}
	user, expires, err := c.verify(r.TLS.PeerCertificates, now)
	if err != nil {
		return nil, false, err
	}
	c.known.put(id, user, expires)
	return user, true, nil
}

// verify returns who the chain's leaf is, and until when it may be believed.
func (c *ClientCertificates) verify(chain []*x509.Certificate, now time.Time) (*request.User, time.Time, error) {
	leaf, between := chain[0], x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots:         c.roots,
		Intermediates: between,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("verifying certificate SN=%d failed: %w", leaf.SerialNumber, err)
	}
	if leaf.Subject.CommonName == "" {
		return nil, time.Time{}, errors.New("the client certificate has no common name to be the user's")
	}
	expires := leaf.NotAfter
	for _, cert := range chains[0] {
		if cert.NotAfter.Before(expires) {
			expires = cert.NotAfter
		}
	}
	sum := sha256.Sum256(leaf.Raw)
	extra := map[string][]string{credentialID: {"X509SHA256=" + hex.EncodeToString(sum[:])}}
	return known(leaf.Subject.CommonName, "", leaf.Subject.Organization, extra), expires, nil
}
