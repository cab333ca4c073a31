// Package pki makes the keys, certificates and kubeconfigs of a cluster.
//
// A cluster has one certificate authority. It signs what servers show to their
// clients and what clients show to the API server; an identity is a certificate
// whose common name is the user and whose organizations are the groups
// (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates).
//
// A caller does three things in order:
//
//	ca, err := pki.EnsureCA(dir)                          // ca.crt, ca.key
//	err = ca.Ensure(cert, key, pki.Server(name, hosts))   // a serving certificate
//	pair, err := ca.Issue(pki.Scheduler().Request())      // a client certificate
//
// Every Ensure function is idempotent: what is on disk and still good stays
// byte for byte as it is, what is missing, expiring or of another authority is
// made anew. Private keys are written with mode 0600, everything else with
// 0644, each file whole or not at all. Keys are ECDSA P-256: made in
// microseconds, where RSA would take a good part of the server's start.
//
// The functions are safe for concurrent use as long as no two of them ensure
// the same files at once.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// How long what we sign is valid. A leaf is made anew in the last third of its life,
// so a cluster that is started now and then never meets an expired one.
const (
	caValidity   = 10 * 365 * 24 * time.Hour
	leafValidity = 365 * 24 * time.Hour
)

// clockSkew is how far a verifier's clock may be behind ours.
const clockSkew = 5 * time.Minute

// CA is a certificate authority that can sign. It is immutable.
type CA struct {
	Certificate *x509.Certificate
	PEM         []byte // the certificate, as in ca.crt
	key         crypto.Signer
}

// Request says what a certificate is to vouch for.
type Request struct {
	CommonName    string
	Organizations []string
	// Hosts are the DNS names and IP addresses of a serving certificate. A
	// request with hosts is for a server, one without for a client.
	Hosts []string
}

// Server returns the request for a serving certificate.
func Server(commonName string, hosts ...string) Request {
	return Request{CommonName: commonName, Hosts: hosts}
}

// Pair is a certificate and its private key, both PEM.
type Pair struct {
	Cert, Key []byte
}

// EnsureCA reads dir/ca.crt and dir/ca.key, or makes both when neither is
// there. One without the other is an error: a new authority would cut off
// whoever trusts the old one, and only a person can say that this is meant.
func EnsureCA(dir string) (*CA, error) {
	certFile, keyFile := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	ca, err := LoadCA(certFile, keyFile)
	if err == nil || !missing(certFile) || !missing(keyFile) {
		return ca, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "kubernetes"},
		DNSNames:              []string{"kubernetes"},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := sign(template, template, key.Public(), key, caValidity)
	if err != nil {
		return nil, err
	}
	if err := writePair(certFile, keyFile, der, key); err != nil {
		return nil, err
	}
	return LoadCA(certFile, keyFile)
}

// LoadCA reads an authority from the two PEM files named.
func LoadCA(certFile, keyFile string) (*CA, error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	cert, err := ParseCertificate(certPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate authority %s: %w", certFile, err)
	}
	key, err := LoadKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if !cert.IsCA || !samePublicKey(cert.PublicKey, key.Public()) {
		return nil, fmt.Errorf("certificate authority: %s is not the key of an authority in %s: bring the two together, or remove both to have new ones made", keyFile, certFile)
	}
	return &CA{Certificate: cert, PEM: certPEM, key: key}, nil
}

// Issue makes a new key and a certificate for it, without touching the disk.
func (ca *CA) Issue(r Request) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	der, err := ca.sign(r, key.Public())
	if err != nil {
		return Pair{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: encodeCertificate(der), Key: keyPEM}, nil
}

// Ensure makes certFile and keyFile hold a certificate for r that this
// authority signed and that will be valid for a while.
func (ca *CA) Ensure(certFile, keyFile string, r Request) error {
	if ca.good(certFile, keyFile, r) {
		return nil
	}
	pair, err := ca.Issue(r)
	if err != nil {
		return err
	}
	// The key goes first: a reader between the two writes sees a pair that does
	// not match and fails at once, rather than one that seems to be in order.
	return errors.Join(WriteFile(keyFile, pair.Key, 0o600), WriteFile(certFile, pair.Cert, 0o644))
}

// Pool returns the authority as a pool to verify peers with.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}

func (ca *CA) sign(r Request, public crypto.PublicKey) ([]byte, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: r.CommonName, Organization: r.Organizations},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(r.Hosts) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, host := range r.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return sign(template, ca.Certificate, public, ca.key, leafValidity)
}

// good reports whether the files hold what Ensure would make.
func (ca *CA) good(certFile, keyFile string, r Request) bool {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return false
	}
	key, err := LoadKey(keyFile)
	if err != nil {
		return false
	}
	return ca.vouches(certPEM, r) && keyOf(certPEM, key)
}

// vouches reports whether certPEM is of this authority, says what r asks for
// and has more than a third of its life before it.
func (ca *CA) vouches(certPEM []byte, r Request) bool {
	cert, err := ParseCertificate(certPEM)
	if err != nil || cert.CheckSignatureFrom(ca.Certificate) != nil {
		return false
	}
	renewal := cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 3)
	if time.Now().After(renewal) || cert.Subject.CommonName != r.CommonName {
		return false
	}
	if !slices.Equal(cert.Subject.Organization, r.Organizations) {
		return false
	}
	for _, host := range r.Hosts {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}

// sign completes template and signs it. The certificate ends with its issuer
// at the latest.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer, validity time.Duration) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now.Add(-clockSkew), now.Add(validity)
	if parent != template && template.NotAfter.After(parent.NotAfter) {
		template.NotAfter = parent.NotAfter
	}
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}

func newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
