package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
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
	uid, err := uidOf(leaf)
	if err != nil {
		return nil, time.Time{}, err
	}
	expires := leaf.NotAfter
	for _, cert := range chains[0] {
		if cert.NotAfter.Before(expires) {
			expires = cert.NotAfter
		}
	}
	sum := sha256.Sum256(leaf.Raw)
	extra := map[string][]string{credentialID: {"X509SHA256=" + hex.EncodeToString(sum[:])}}
	return known(leaf.Subject.CommonName, uid, leaf.Subject.Organization, extra), expires, nil
}

// userUID is the attribute of a subject that holds the user's UID.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
var userUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2}

// uidOf returns the UID in the subject; empty if there is none.
func uidOf(leaf *x509.Certificate) (uid string, err error) {
	for _, attribute := range leaf.Subject.Names {
		if !attribute.Type.Equal(userUID) {
			continue
		}
		value, ok := attribute.Value.(string)
		if !ok || value == "" || uid != "" {
			return "", errors.New("the client certificate must have one UID, which is not empty")
		}
		uid = value
	}
	return uid, nil
}
