package authn

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/storetest"
)

func TestBootstrapTokens(t *testing.T) {
	store := storetest.New(t)
	put := func(id string, change func(*corev1.Secret)) {
		secret := &corev1.Secret{Type: corev1.SecretTypeBootstrapToken}
		secret.Namespace, secret.Name = "kube-system", "bootstrap-token-"+id
		secret.Data = map[string][]byte{
			"token-id":                       []byte(id),
			"token-secret":                   []byte("0123456789abcdef"),
			"usage-bootstrap-authentication": []byte("true"),
		}
		if change != nil {
			change(secret)
		}
		storetest.Put(t, store, core.Secret, secret)
	}
	set := func(key, value string) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Data[key] = []byte(value) }
	}
	put("plain1", nil)
	put("groups", set("auth-extra-groups", "system:bootstrappers:a, system:bootstrappers:b"))
	put("fresh1", set("expiration", time.Now().Add(time.Hour).Format(time.RFC3339)))
	put("stale1", set("expiration", time.Now().Add(-time.Hour).Format(time.RFC3339)))
	put("never1", set("expiration", "never"))
	put("signs1", set("usage-bootstrap-authentication", "false"))
	put("evil11", set("auth-extra-groups", "system:masters"))
	put("moved1", set("token-id", "other1"))
	put("opaque", func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque })

	bearer := Bearer{Tokens: []TokenAuthenticator{&BootstrapTokens{Store: store}}, Audiences: []string{"api"}}
	for token, groups := range map[string][]string{
		"plain1.0123456789abcdef":   {"system:bootstrappers", "system:authenticated"},
		"groups.0123456789abcdef":   {"system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:b", "system:authenticated"},
		"fresh1.0123456789abcdef":   {"system:bootstrappers", "system:authenticated"},
		"stale1.0123456789abcdef":   nil,
		"never1.0123456789abcdef":   nil,
		"signs1.0123456789abcdef":   nil,
		"evil11.0123456789abcdef":   nil,
		"moved1.0123456789abcdef":   nil,
		"opaque.0123456789abcdef":   nil,
		"plain1.0123456789abcdee":   nil,
		"gone11.0123456789abcdef":   nil,
		"plain1.0123456789abcdef\n": nil,
		"PLAIN1.0123456789abcdef":   nil,
	} {
		user, _, err := bearer.AuthenticateToken(t.Context(), token, []string{"api"})
		if groups == nil {
			if err == nil || err.Error() != "invalid bearer token" {
				t.Errorf("%q: %+v, %v", token, user, err)
			}
			continue
		}
		if err != nil || user.Name != "system:bootstrap:"+token[:6] || !slices.Equal(user.Groups, groups) {
			t.Errorf("%q: %+v, %v", token, user, err)
		}
	}
	if _, _, err := bearer.AuthenticateToken(t.Context(), "plain1.0123456789abcdef", []string{"other"}); err == nil {
		t.Error("a token that names no audience is good for somebody else")
	}
}
