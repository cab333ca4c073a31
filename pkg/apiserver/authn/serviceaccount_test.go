package authn

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/pki"
	"slowmo/pkg/storage"
)

const issuerURL = "https://kubernetes.default.svc.cluster.local"

func newIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := pki.EnsureServiceAccountKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := NewIssuer(issuerURL, []string{issuerURL}, key)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// world is a store with a service account and a pod that runs as it on a node.
type world struct {
	store    *storage.Store
	issuer   *Issuer
	accounts *ServiceAccounts
	requests *TokenRequests
	pod      *corev1.Pod
}

func newWorld(t testing.TB) *world {
	store, issuer := storetest.New(t), newIssuer(t)
	account, node, pod := &corev1.ServiceAccount{}, &corev1.Node{}, &corev1.Pod{}
	account.Namespace, account.Name = "ns", "app"
	node.Name = "n1"
	pod.Namespace, pod.Name = "ns", "web"
	pod.Spec.ServiceAccountName, pod.Spec.NodeName = "app", "n1"
	storetest.Put(t, store, core.ServiceAccount, account)
	storetest.Put(t, store, core.Node, node)
	return &world{
		store:    store,
		issuer:   issuer,
		accounts: NewServiceAccounts(issuer, store),
		requests: &TokenRequests{Issuer: issuer, Store: store, Extend: true},
		pod:      storetest.Put(t, store, core.Pod, pod),
	}
}

func (w *world) token(t testing.TB, r *authenticationv1.TokenRequest) *authenticationv1.TokenRequest {
	t.Helper()
	out, err := w.requests.Create(t.Context(), "ns", "app", r)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*authenticationv1.TokenRequest)
}

func boundTo(kind, name string) *authenticationv1.TokenRequest {
	r := &authenticationv1.TokenRequest{}
	r.Spec.ExpirationSeconds = ptr.To(warnAfter)
	r.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: kind, Name: name}
	return r
}

func TestServiceAccountToken(t *testing.T) {
	w := newWorld(t)
	answer := w.token(t, boundTo("Pod", "web"))
	if answer.Spec.BoundObjectRef.UID != "" || answer.Name != "app" {
		t.Errorf("answer %+v", answer)
	}
	if left := time.Until(answer.Status.ExpirationTimestamp.Time); left > time.Hour+time.Minute || left < 50*time.Minute {
		t.Errorf("the client is told %v", left)
	}
	user, good, err := w.accounts.AuthenticateToken(t.Context(), answer.Status.Token, []string{"x", issuerURL})
	if err != nil {
		t.Fatal(err)
	}
	if user.Name != "system:serviceaccount:ns:app" || !slices.Equal(good, []string{issuerURL}) ||
		!slices.Equal(user.Groups, []string{"system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"}) {
		t.Errorf("user %+v, good for %v", user, good)
	}
	for key, want := range map[string]string{
		"authentication.kubernetes.io/pod-name":  "web",
		"authentication.kubernetes.io/pod-uid":   string(w.pod.UID),
		"authentication.kubernetes.io/node-name": "n1",
	} {
		if !slices.Equal(user.Extra[key], []string{want}) {
			t.Errorf("extra %s is %v", key, user.Extra[key])
		}
	}
	if _, _, err := w.accounts.AuthenticateToken(t.Context(), answer.Status.Token, []string{"vault"}); err == nil {
		t.Error("the token is good for another audience")
	}

	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.Status.Token, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"aud":["`+issuerURL+`"]`) {
		t.Errorf("the audiences are no list: %s, %v", payload, err)
	}

	forged := answer.Status.Token[:len(answer.Status.Token)-4] + "AAAA"
	if _, _, err := w.accounts.AuthenticateToken(t.Context(), forged, []string{issuerURL}); err == nil {
		t.Error("a forged token was accepted")
	}
	other := NewServiceAccounts(newIssuer(t), w.store)
	if _, _, err := other.AuthenticateToken(t.Context(), answer.Status.Token, []string{issuerURL}); err == nil {
		t.Error("a token of another key was accepted")
	}
}

func TestTokenDiesWithItsPod(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, boundTo("Pod", "web")).Status.Token
	check := func() error {
		_, _, err := w.accounts.AuthenticateToken(t.Context(), token, []string{issuerURL})
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	pods := w.store.Collection(core.Pod)
	if _, err := pods.Modify(t.Context(), "ns", "web", func(api.Object) (api.Object, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if check() == nil {
		t.Error("the token outlived its pod")
	}
	again := w.pod.DeepCopy()
	again.ResourceVersion = ""
	storetest.Put(t, w.store, core.Pod, again)
	if check() == nil {
		t.Error("the token is good for another pod of the name")
	}
}

func TestTokenExpires(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		token, err := issuer.sign(&claims{Claims: jwt.Claims{
			Issuer: issuerURL, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Hour)),
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := issuer.verify(token, time.Now()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour + time.Second)
		if _, err := issuer.verify(token, time.Now()); err == nil {
			t.Error("an expired token was accepted")
		}
	})
}

func TestTokenRequestRefusals(t *testing.T) {
	w := newWorld(t)
	short := &authenticationv1.TokenRequest{}
	short.Spec.ExpirationSeconds = ptr.To(int64(1))
	otherUID := boundTo("Pod", "web")
	otherUID.Spec.BoundObjectRef.UID = "other"
	for _, test := range []struct {
		name    string
		account string
		body    *authenticationv1.TokenRequest
		is      func(error) bool
		text    string
	}{
		{"no such account", "nobody", &authenticationv1.TokenRequest{}, apierrors.IsNotFound, `serviceaccounts "nobody" not found`},
		{"no such pod", "app", boundTo("Pod", "gone"), apierrors.IsNotFound, `pods "gone" not found`},
		{"too short", "app", short, apierrors.IsInvalid, "spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes"},
		{"another pod of the name", "app", otherUID, apierrors.IsConflict, "does not match the UID in record"},
		{"a kind that cannot be", "app", boundTo("ConfigMap", "x"), apierrors.IsBadRequest, "cannot bind token to object of type"},
	} {
		_, err := w.requests.Create(t.Context(), "ns", test.account, test.body)
		if err == nil || !test.is(err) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestOlderIssuer(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, boundTo("Pod", "web")).Status.Token
	w.issuer.URL, w.issuer.Others = "https://new.example.com", []string{issuerURL}
	if _, _, err := w.accounts.AuthenticateToken(t.Context(), token, []string{issuerURL}); err != nil {
		t.Errorf("a token of before: %v", err)
	}
	if claims, err := w.issuer.verify(w.token(t, boundTo("Pod", "web")).Status.Token, time.Now()); err != nil || claims.Issuer != w.issuer.URL {
		t.Errorf("a new token: %+v, %v", claims, err)
	}
	w.issuer.Others = nil
	if _, err := w.issuer.verify(token, time.Now()); err != errBadToken {
		t.Errorf("once it is not accepted any more: %v", err)
	}
}

func TestDiscoveryVerifies(t *testing.T) {
	w := newWorld(t)
	handler, err := w.issuer.Discovery("https://192.0.2.1:6443/openid/v1/jwks")
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, into any) {
		t.Helper()
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	get("/.well-known/openid-configuration", &configuration)
	if configuration.Issuer != issuerURL || !strings.HasSuffix(configuration.Keys, "/openid/v1/jwks") {
		t.Errorf("configuration %+v", configuration)
	}
	var keys jose.JSONWebKeySet
	get("/openid/v1/jwks", &keys)
	token, err := jwt.ParseSigned(w.token(t, boundTo("Pod", "web")).Status.Token, algorithms)
	if err != nil {
		t.Fatal(err)
	}
	var c claims
	if err := token.Claims(&keys, &c); err != nil || c.Subject != "system:serviceaccount:ns:app" {
		t.Errorf("the published keys do not verify: %v", err)
	}
}

func BenchmarkServiceAccountToken(b *testing.B) {
	w := newWorld(b)
	token := w.token(b, boundTo("Pod", "web")).Status.Token
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.accounts.AuthenticateToken(b.Context(), token, []string{issuerURL}); err != nil {
			b.Fatal(err)
		}
	}
}
