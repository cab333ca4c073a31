package authn

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/pki"
)

func authority(t testing.TB) *pki.CA {
	t.Helper()
	ca, err := pki.EnsureCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// withCertificate is a request on a connection whose client showed pair.
func withCertificate(t testing.TB, pair pki.Pair) *http.Request {
	t.Helper()
	cert, err := pki.ParseCertificate(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	return r
}

func issue(t testing.TB, ca *pki.CA, r pki.Request) pki.Pair {
	t.Helper()
	pair, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestClientCertificates(t *testing.T) {
	ca, stranger := authority(t), authority(t)
	c := NewClientCertificates(ca.Pool())
	alice := issue(t, ca, pki.Request{CommonName: "alice", Organizations: []string{"dev", "ops"}})
	for range 2 { // the second time from the cache
		user, ok, err := c.Authenticate(withCertificate(t, alice))
		if err != nil || !ok || user.Name != "alice" || !slices.Equal(user.Groups, []string{"dev", "ops", request.GroupAuthenticated}) {
			t.Errorf("got %+v, %v, %v", user, ok, err)
		}
	}
	for name, pair := range map[string]pki.Pair{
		"of another authority": issue(t, stranger, pki.Request{CommonName: "alice"}),
		"of a server":          issue(t, ca, pki.Server("alice", "localhost")),
		"without a name":       issue(t, ca, pki.Request{Organizations: []string{"dev"}}),
	} {
		if user, ok, err := c.Authenticate(withCertificate(t, pair)); ok || err == nil {
			t.Errorf("a certificate %s is %+v, %v", name, user, err)
		}
	}
	if _, ok, err := c.Authenticate(httptest.NewRequest("GET", "/", nil)); ok || err != nil {
		t.Errorf("no certificate: %v, %v", ok, err)
	}
}

func TestCertificateUID(t *testing.T) {
	attribute := func(value any) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: userUID, Value: value}
	}
	other := pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "x"}
	for _, test := range []struct {
		names []pkix.AttributeTypeAndValue
		want  string
		bad   bool
	}{
		{nil, "", false},
		{[]pkix.AttributeTypeAndValue{other, attribute("7")}, "7", false},
		{[]pkix.AttributeTypeAndValue{attribute("")}, "", true},
		{[]pkix.AttributeTypeAndValue{attribute(7)}, "", true},
		{[]pkix.AttributeTypeAndValue{attribute("7"), attribute("8")}, "", true},
	} {
		got, err := uidOf(&x509.Certificate{Subject: pkix.Name{Names: test.names}})
		if got != test.want || (err != nil) != test.bad {
			t.Errorf("%v: %q, %v", test.names, got, err)
		}
	}
}

func TestTokenFile(t *testing.T) {
	tokens, err := parseTokens(strings.NewReader("secret,bob,7,\"dev,ops\"\nother,eve,8\n"))
	if err != nil {
		t.Fatal(err)
	}
	bearer := Bearer{Tokens: []TokenAuthenticator{tokens}, Audiences: []string{"api"}}
	for header, want := range map[string]string{
		"Bearer secret": "bob",
		"bearer other":  "eve",
		"Bearer wrong":  "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		user, ok, err := bearer.Authenticate(r)
		if ok != (want != "") || ok && user.Name != want || !ok && err == nil {
			t.Errorf("%q: %+v, %v, %v", header, user, ok, err)
		}
	}
	for _, header := range []string{"", "Basic c2VjcmV0", "Bearer", "Bearer  ", "Bearer  secret"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		if _, ok, err := bearer.Authenticate(r); ok || err != nil {
			t.Errorf("%q counts as a token: %v, %v", header, ok, err)
		}
	}
	for _, bad := range []string{"token,only", ",user,1", "t,,1", "t,u,1\nt,v,2"} {
		if _, err := parseTokens(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func BenchmarkClientCertificate(b *testing.B) {
	ca := authority(b)
	c := NewClientCertificates(ca.Pool())
	r := withCertificate(b, issue(b, ca, pki.Admin().Request()))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, _ := c.Authenticate(r); !ok {
			b.Fatal("not authenticated")
		}
	}
}
