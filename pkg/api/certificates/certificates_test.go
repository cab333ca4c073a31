package certificates

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/api/apitest"
)

func newKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func requestOf(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func certificateOf(t *testing.T, key *ecdsa.PrivateKey, template *x509.Certificate) string {
	t.Helper()
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "c"}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), crypto.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	return inPEM("CERTIFICATE", der)
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// validRequest is a request that nothing is wrong with.
func validRequest(t *testing.T) *certificatesv1.CertificateSigningRequest {
	csr := &certificatesv1.CertificateSigningRequest{}
	csr.Name = "csr"
	csr.Spec.Request = []byte(inPEM("CERTIFICATE REQUEST", requestOf(t, newKey(t, elliptic.P256()))))
	csr.Spec.Usages = []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}
	csr.Spec.SignerName = "example.com/signer"
	return csr
}

// TestValidateRequest holds the words that kube-apiserver 1.37 answers with.
func TestValidateRequest(t *testing.T) {
	apitest.Create(t, CertificateSigningRequest, `{}`, `spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST`,
		`spec.usages: Required value`, `spec.signerName: Required value`)
	check := func(name string, change func(*certificatesv1.CertificateSigningRequestSpec), want ...string) {
		t.Helper()
		csr := validRequest(t)
		change(&csr.Spec)
		apitest.Errors(t, name, validateRequest(csr), want...)
	}
	check("valid", func(*certificatesv1.CertificateSigningRequestSpec) {})
	csr := validRequest(t)
	csr.Name = "a/b"
	apitest.Errors(t, "a name of two parts", validateRequest(csr), `metadata.name: Invalid value: "a/b": may not contain '/'`)
	check("usages", func(s *certificatesv1.CertificateSigningRequestSpec) {
		s.Usages = []certificatesv1.KeyUsage{"any", "any", "fun"}
	}, `spec.usages[2]: Unsupported value: "fun": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"`,
		`spec.usages[1]: Duplicate value: "any"`)
	check("lifetime", func(s *certificatesv1.CertificateSigningRequestSpec) { s.ExpirationSeconds = new(int32) },
		`spec.expirationSeconds: Invalid value: 0: may not specify a duration less than 600 seconds (10 minutes)`)
	check("legacy", func(s *certificatesv1.CertificateSigningRequestSpec) { s.SignerName = legacySigner },
		`spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version`)
	check("no path", func(s *certificatesv1.CertificateSigningRequestSpec) { s.SignerName = "example.com" },
		`spec.signerName: Invalid value: "example.com": must be a fully qualified domain and path of the form 'example.com/signer-name'`)
	check("one segment", func(s *certificatesv1.CertificateSigningRequestSpec) { s.SignerName = "example/a" },
		`spec.signerName: Invalid value: "example": should be a domain with at least two segments separated by dots`)
	check("bad labels", func(s *certificatesv1.CertificateSigningRequestSpec) { s.SignerName = "A.b/" },
		`spec.signerName: Invalid value: "A.b": validating label "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
		`spec.signerName: Invalid value: "": validating label "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`)
}

func TestRequestNotesWhoAsks(t *testing.T) {
	ctx := api.WithUser(t.Context(), func() authenticationv1.UserInfo {
		return authenticationv1.UserInfo{Username: "jane", UID: "1", Groups: []string{"a"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	})
	csr := validRequest(t)
	csr.Spec.Username, csr.Spec.Groups = "root", []string{"system:masters"}
	csr.Status.Certificate = []byte("x")
	CertificateSigningRequest.PrepareCreate(ctx, csr)
	if csr.Spec.Username != "jane" || csr.Spec.UID != "1" || csr.Spec.Groups[0] != "a" || csr.Spec.Extra["k"][0] != "v" || csr.Status.Certificate != nil {
		t.Errorf("%+v", csr)
	}
	next := csr.DeepCopy()
	next.Spec.Username, next.Status.Certificate = "root", []byte("x")
	CertificateSigningRequest.PrepareUpdate(context.Background(), next, csr)
	if next.Spec.Username != "jane" || next.Status.Certificate != nil {
		t.Errorf("an update changed the spec: %+v", next)
	}
}

func condition(kind certificatesv1.RequestConditionType) certificatesv1.CertificateSigningRequestCondition {
	return certificatesv1.CertificateSigningRequestCondition{Type: kind, Status: "True"}
}

func TestApproval(t *testing.T) {
	stored := validRequest(t)
	body := stored.DeepCopy()
	body.Spec.Username, body.Status.Certificate = "root", []byte("x")
	body.Status.Conditions = append(body.Status.Conditions, condition("Approved"))
	approved, err := apitest.Put(t, CertificateSigningRequest, "approval", stored, body)
	if err != nil {
		t.Fatal(err)
	}
	c := approved.Status.Conditions[0]
	if !c.LastUpdateTime.Time.Equal(apitest.Now) || !c.LastTransitionTime.Time.Equal(apitest.Now) {
		t.Errorf("times are not set: %+v", c)
	}
	if approved.Spec.Username != "" || approved.Status.Certificate != nil {
		t.Errorf("approval changed more than conditions: %+v", approved)
	}
	for name, c := range map[string]struct {
		conditions []certificatesv1.CertificateSigningRequestCondition
		want       string
	}{
		"removed": {nil, `status.conditions: Forbidden: updates may not remove a condition of type "Approved"`},
		"both": {[]certificatesv1.CertificateSigningRequestCondition{condition("Approved"), condition("Denied")},
			"status.conditions: Invalid value: \"{conditions[{\\\"type\\\": \\\"Approved\\\"}], conditions[{\\\"type\\\": \\\"Denied\\\"}]}\": must specify at most one of: `conditions[{\"type\": \"Approved\"}]`, `conditions[{\"type\": \"Denied\"}]`"},
		"twice": {[]certificatesv1.CertificateSigningRequestCondition{condition("Approved"), condition("Approved")},
			`status.conditions[1].type: Duplicate value: "Approved"`},
		"not true": {[]certificatesv1.CertificateSigningRequestCondition{{Type: "Approved", Status: "False"}},
			`status.conditions[0].status: Unsupported value: "False": supported values: "True"`},
	} {
		body := approved.DeepCopy()
		body.Status.Conditions = c.conditions
		if _, err := apitest.Put(t, CertificateSigningRequest, "approval", approved, body); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", name, err, c.want)
		}
	}
}

func TestRequestStatus(t *testing.T) {
	stored := validRequest(t)
	stored.Status.Conditions = append(stored.Status.Conditions, condition("Approved"))
	stored.Status.Conditions[0].Message = "was so"
	body := stored.DeepCopy()
	body.Status.Conditions[0].Message = "rewritten"
	body.Status.Certificate = []byte(certificateOf(t, newKey(t, elliptic.P256()), &x509.Certificate{}))
	signed, err := apitest.Put(t, CertificateSigningRequest, "status", stored, body)
	if err != nil || len(signed.Status.Certificate) == 0 || signed.Status.Conditions[0].Message != "was so" {
		t.Errorf("%+v, %v", signed.Status, err)
	}
	for want, change := range map[string]func(*certificatesv1.CertificateSigningRequestStatus){
		`status.conditions: Forbidden: updates may not add a condition of type "Denied"`: func(s *certificatesv1.CertificateSigningRequestStatus) {
			s.Conditions = append(s.Conditions[:0], condition("Denied"), condition("Approved"))
		},
		`status.certificate: Forbidden: updates may not modify existing certificate content`: func(s *certificatesv1.CertificateSigningRequestStatus) {
			s.Certificate = append(s.Certificate, s.Certificate...)
		},
		`status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block`: func(s *certificatesv1.CertificateSigningRequestStatus) {
			s.Certificate = []byte("x")
		},
	} {
		body := signed.DeepCopy()
		change(&body.Status)
		if _, err := apitest.Put(t, CertificateSigningRequest, "status", signed, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestTrustBundle(t *testing.T) {
	key := newKey(t, elliptic.P256())
	anchor := certificateOf(t, key, &x509.Certificate{IsCA: true, BasicConstraintsValid: true})
	leaf := certificateOf(t, key, &x509.Certificate{})
	bundle := func(name, signer, text string) *certificatesv1.ClusterTrustBundle {
		b := &certificatesv1.ClusterTrustBundle{}
		b.Name, b.Spec.SignerName, b.Spec.TrustBundle = name, signer, text
		return b
	}
	check := func(b *certificatesv1.ClusterTrustBundle, want ...string) {
		t.Helper()
		apitest.Errors(t, b.Name, validateBundle(b, ""), want...)
	}
	check(bundle("a", "", anchor))
	check(bundle("example.com:foo:v1", "example.com/foo", anchor))
	check(bundle("a:b", "", anchor), `metadata.name: Invalid value: "a:b": ClusterTrustBundle without signer name must not have ":" in its name`)
	check(bundle("a", "example.com/foo", anchor), `metadata.name: Invalid value: "a": ClusterTrustBundle for signerName example.com/foo must be named with prefix example.com:foo:`)
	check(bundle("a", "", ""), `spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided`)
	check(bundle("a", "", anchor+anchor), `spec.trustBundle: Invalid value: "<value omitted>": duplicate trust anchor (indices [0 1])`)
	check(bundle("a", "", leaf+inPEM("KEY", nil)+inPEM("CERTIFICATE", nil)),
		`spec.trustBundle: Invalid value: "<value omitted>": entry 0 does not have the CA bit set`,
		`spec.trustBundle: Invalid value: "<value omitted>": entry 1 has bad block type: KEY`,
		`spec.trustBundle: Invalid value: "<value omitted>": entry 2 does not parse as X.509`)
	apitest.Errors(t, "another signer", validateBundleUpdate(bundle("a", "", leaf), bundle("a", "x.y/z", leaf)),
		`spec.signerName: Invalid value: "": field is immutable`)
}

// validPodRequest is a pod's request for the key, that nothing is wrong with.
func validPodRequest(t *testing.T, key *ecdsa.PrivateKey) *certificatesv1.PodCertificateRequest {
	p := apitest.Object[*certificatesv1.PodCertificateRequest](t, PodCertificateRequest,
		`spec: {signerName: example.com/s, podName: p, podUID: u, serviceAccountName: sa, serviceAccountUID: u, nodeName: node1, nodeUID: u}`)
	p.Spec.StubPKCS10Request = requestOf(t, key)
	return p
}

func TestValidatePodRequest(t *testing.T) {
	check := func(name string, curve elliptic.Curve, change func(*certificatesv1.PodCertificateRequestSpec), want ...string) {
		t.Helper()
		p := validPodRequest(t, newKey(t, curve))
		change(&p.Spec)
		apitest.Errors(t, name, validatePodRequest(p), want...)
	}
	check("valid", elliptic.P256(), func(s *certificatesv1.PodCertificateRequestSpec) {
		if *s.MaxExpirationSeconds != 86400 {
			t.Errorf("default lifetime %d", *s.MaxExpirationSeconds)
		}
	})
	check("curve", elliptic.P224(), func(*certificatesv1.PodCertificateRequestSpec) {},
		`spec.stubPKCS10Request: Invalid value: "curve P-224": elliptic public keys must use curve P256, P384, or P521`)
	check("no request", elliptic.P256(), func(s *certificatesv1.PodCertificateRequestSpec) {
		s.PodUID, s.StubPKCS10Request, s.UnverifiedUserAnnotations = "", nil, map[string]string{"key": "v"}
	}, `spec.unverifiedUserAnnotations: Invalid value: "key": must be a domain-prefixed key (such as "acme.io/foo")`,
		`spec.podUID: Invalid value: "": must not be empty`,
		`spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set`)
	check("long", elliptic.P256(), func(s *certificatesv1.PodCertificateRequestSpec) {
		s.SignerName, *s.MaxExpirationSeconds = "kubernetes.io/kube-apiserver-client-pod", 2*day
	}, `spec.maxExpirationSeconds: Invalid value: 172800: must be in the range [3600, 86400]`)
}

func TestPodRequestIsImmutable(t *testing.T) {
	apitest.Update(t, PodCertificateRequest, `spec: {podName: a}`, `spec: {podName: b}`,
		`spec: Invalid value: {"SignerName":"","PodName":"b","PodUID":"","ServiceAccountName":"","ServiceAccountUID":"","NodeName":"","NodeUID":"","MaxExpirationSeconds":86400,"PKIXPublicKey":null,"ProofOfPossession":null,"StubPKCS10Request":null,"UnverifiedUserAnnotations":null}: field is immutable`)
}

func TestPodRequestStatus(t *testing.T) {
	key := newKey(t, elliptic.P256())
	begin := apitest.Now.Add(-time.Minute)
	template := func() *x509.Certificate {
		return &x509.Certificate{NotBefore: begin, NotAfter: begin.Add(2 * time.Hour)}
	}
	stored := validPodRequest(t, key)
	step := func(kind string, change func(*certificatesv1.PodCertificateRequestStatus)) (*certificatesv1.PodCertificateRequest, error) {
		body := stored.DeepCopy()
		body.Status = certificatesv1.PodCertificateRequestStatus{
			Conditions:       []metav1.Condition{{Type: kind, Status: "True", Reason: "R", LastTransitionTime: metav1.NewTime(begin)}},
			CertificateChain: certificateOf(t, key, template()),
			NotBefore:        &metav1.Time{Time: begin}, NotAfter: &metav1.Time{Time: begin.Add(2 * time.Hour)}, BeginRefreshAt: &metav1.Time{Time: begin.Add(time.Hour)},
		}
		if change != nil {
			change(&body.Status)
		}
		return apitest.Put(t, PodCertificateRequest, "status", stored, body)
	}
	for _, c := range []struct {
		kind   string
		change func(*certificatesv1.PodCertificateRequestStatus)
		want   string
	}{
		{"Denied", nil, "non-condition status fields must be empty when denying or failing"},
		{"Happy", nil, `status.conditions.[0].type: Unsupported value: "Happy": supported values: "Issued", "Denied", "Failed"`},
		{"Issued", func(s *certificatesv1.PodCertificateRequestStatus) { s.Conditions = nil }, `status is immutable unless transitioning to "Issued"`},
		{"Issued", func(s *certificatesv1.PodCertificateRequestStatus) { s.NotAfter = nil }, `status.notAfter: Required value: must be present and consistent`},
		{"Issued", func(s *certificatesv1.PodCertificateRequestStatus) { s.CertificateChain = "" }, "must contain at least one certificate"},
		{"Issued", func(s *certificatesv1.PodCertificateRequestStatus) { s.BeginRefreshAt = s.NotAfter }, "must be at least 10 minutes before status.notAfter"},
		{"Issued", func(s *certificatesv1.PodCertificateRequestStatus) {
			s.CertificateChain = certificateOf(t, newKey(t, elliptic.P256()), template())
		}, "was not issued to the requested public key"},
		{"Issued", func(s *certificatesv1.PodCertificateRequestStatus) {
			late := template()
			late.NotBefore = begin.Add(-time.Hour)
			s.NotBefore, s.CertificateChain = &metav1.Time{Time: late.NotBefore}, certificateOf(t, key, late)
		}, "must be set to within 5 minutes of kube-apiserver's current time"},
	} {
		if _, err := step(c.kind, c.change); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v\nwant %s", c.kind, err, c.want)
		}
	}
	issued, err := step("Issued", nil)
	if err != nil || issued.Status.CertificateChain == "" {
		t.Fatalf("%+v, %v", issued.Status, err)
	}
	stored = issued
	if _, err := step("Failed", nil); err == nil || !strings.Contains(err.Error(), "immutable after PodCertificateRequest is issued, denied, or failed") {
		t.Errorf("an issued request was changed: %v", err)
	}
}

func TestRows(t *testing.T) {
	apitest.Row(t, CertificateSigningRequest, `{metadata: {name: c}, spec: {signerName: a.b/c, username: jane, expirationSeconds: 3600}, status: {certificate: AA==, conditions: [{type: Approved}, {type: Failed}]}}`,
		`["c","5m","a.b/c","jane","60m","Approved,Failed,Issued"]`)
	apitest.Row(t, CertificateSigningRequest, `metadata: {name: c}`, `["c","5m","<none>","","<none>","Pending"]`)
	apitest.Row(t, ClusterTrustBundle, `metadata: {name: c}`, `["c","<none>"]`)
	apitest.Row(t, PodCertificateRequest, `{metadata: {name: r}, spec: {podName: p, serviceAccountName: s, nodeName: node1, signerName: a.b/c}, status: {conditions: [{type: Denied, status: "True"}]}}`,
		`["r","p","s","node1","a.b/c","Denied","<none>"]`)
}
