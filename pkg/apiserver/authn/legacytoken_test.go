package authn

import (
	"testing"

	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/storetest"
	"slowmo/pkg/storage"
)

func TestLegacyTokens(t *testing.T) {
	w := newWorld(t)
	record, err := w.store.Collection(core.ServiceAccount).Get(t.Context(), "ns", "app", storage.Consistent)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(change func(*legacyClaims)) string {
		c := &legacyClaims{Claims: jwt.Claims{Issuer: legacyIssuer, Subject: "system:serviceaccount:ns:app"},
			Namespace: "ns", Secret: "app-token", Account: "app", UID: string(record.UID)}
		if change != nil {
			change(c)
		}
		token, err := jwt.Signed(w.issuer.signer).Claims(c).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(nil)
	secret := &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{"token": []byte(good)}}
	secret.Namespace, secret.Name = "ns", "app-token"
	storetest.Put(t, w.store, core.Secret, secret)

	legacy := &LegacyTokens{Issuer: w.issuer, Store: w.store}
	user, audiences, err := legacy.AuthenticateToken(t.Context(), good, []string{"x"})
	if err != nil || audiences != nil || user.Name != "system:serviceaccount:ns:app" || user.UID != string(record.UID) {
		t.Errorf("%+v, %v, %v", user, audiences, err)
	}
	for name, token := range map[string]string{
		"a token that the secret does not hold": sign(func(c *legacyClaims) { c.ID = "other" }),
		"a secret that is gone":                 sign(func(c *legacyClaims) { c.Secret = "gone" }),
		"another account":                       sign(func(c *legacyClaims) { c.Subject = "system:serviceaccount:ns:other" }),
		"another issuer":                        sign(func(c *legacyClaims) { c.Issuer = issuerURL }),
		"no token":                              "a.b.c",
	} {
		if user, _, err := legacy.AuthenticateToken(t.Context(), token, nil); err == nil {
			t.Errorf("%s: %+v", name, user)
		}
	}
}
