package admission

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"slowmo/pkg/api/certificates"
	"slowmo/pkg/apiserver/request"
)

func certificateRequest(t *testing.T, groups ...string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "bob", Organization: groups}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestCertificates(t *testing.T) {
	w := newWorld(t)
	w.may.allowed = []string{"approve signers example.com/a", "sign signers example.com/*", "attest signers example.com/a"}
	csr := func(signer string, change func(*certificatesv1.CertificateSigningRequest)) *certificatesv1.CertificateSigningRequest {
		c := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: signer}}
		c.Name = "csr"
		if change != nil {
			change(c)
		}
		return c
	}
	approval := func(signer string) error {
		a := attributes(request.Update, certificates.CertificateSigningRequest, csr(signer, nil), csr(signer, nil))
		a.Subresource = "approval"
		return w.admit(a)
	}
	status := func(signer string, change func(*certificatesv1.CertificateSigningRequest)) error {
		a := attributes(request.Update, certificates.CertificateSigningRequest, csr(signer, change), csr(signer, nil))
		a.Subresource = "status"
		return w.admit(a)
	}
	create := func(signer string, body []byte) error {
		obj := csr(signer, func(c *certificatesv1.CertificateSigningRequest) { c.Spec.Request = body })
		return w.admit(attributes(request.Create, certificates.CertificateSigningRequest, obj, nil))
	}
	attest := func(signer string) error {
		bundle := &certificatesv1.ClusterTrustBundle{Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: signer}}
		bundle.Name = "csr"
		return w.admit(attributes(request.Create, certificates.ClusterTrustBundle, bundle, nil))
	}
	issued := func(c *certificatesv1.CertificateSigningRequest) { c.Status.Certificate = []byte("pem") }
	failed := func(c *certificatesv1.CertificateSigningRequest) {
		c.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateFailed}}
	}
	const client = certificatesv1.KubeAPIServerClientSignerName
	for _, test := range []struct {
		name string
		err  error
		want string // empty: admitted
	}{
		{"approves", approval("example.com/a"), ""},
		{"approves for another signer", approval("example.com/b"), `certificatesigningrequests.certificates.k8s.io "csr" is forbidden: user not permitted to approve requests with signerName "example.com/b"`},
		{"signs, by the domain", status("example.com/b", issued), ""},
		{"signs for another domain", status("example.org/b", issued), `user not permitted to sign requests with signerName "example.org/b"`},
		{"fails it", status("example.org/b", failed), `user not permitted to sign requests with signerName "example.org/b"`},
		{"changes nothing", status("example.org/b", nil), ""},
		{"asks", create(client, certificateRequest(t, "dev")), ""},
		{"asks for everything", create(client, certificateRequest(t, "dev", "system:masters")), "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"},
		{"asks somebody else for everything", create("example.com/a", certificateRequest(t, "system:masters")), ""},
		{"asks with nonsense", create(client, []byte("x")), "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST"},
		{"attests", attest("example.com/a"), ""},
		{"attests for nobody", attest(""), ""},
		{"attests for another", attest("example.com/b"), `user not permitted to attest for signerName "example.com/b"`},
	} {
		if test.want == "" && test.err != nil {
			t.Errorf("%s: %v", test.name, test.err)
		}
		if test.want != "" {
			refused(t, test.name, test.err, test.want)
		}
	}
}
