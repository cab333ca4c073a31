package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// algorithms are those that a token may be signed with: what our keys can be.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// Issuer signs service account tokens and knows the keys that verify them.
type Issuer struct {
	// URL is the iss of every token: the first --service-account-issuer. Tokens of
	// the Others, which it had before, are still good.
	URL       string
	Others    []string
	Audiences []string // of a token that is asked for without any
	signer    jose.Signer
	keys      jose.JSONWebKeySet
}

// NewIssuer returns an issuer that signs with key and accepts what key or one of
// the older public keys has signed.
func NewIssuer(url string, audiences []string, key crypto.Signer, older ...crypto.PublicKey) (*Issuer, error) {
	issuer := &Issuer{URL: url, Audiences: audiences}
	for _, public := range append([]crypto.PublicKey{key.Public()}, older...) {
		web, err := webKey(public)
		if err != nil {
			return nil, err
		}
		if len(issuer.keys.Key(web.KeyID)) == 0 {
			issuer.keys.Keys = append(issuer.keys.Keys, web)
		}
	}
	signing := jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(issuer.keys.Keys[0].Algorithm),
		Key:       jose.JSONWebKey{Key: key, KeyID: issuer.keys.Keys[0].KeyID},
	}
	signer, err := jose.NewSigner(signing, nil)
	if err != nil {
		return nil, fmt.Errorf("service account signing key: %w", err)
	}
	issuer.signer = signer
	return issuer, nil
}

// webKey gives a public key the id and algorithm that kube-apiserver gives it.
func webKey(public crypto.PublicKey) (jose.JSONWebKey, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("service account key: %w", err)
	}
	algorithm, err := algorithmOf(public)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	sum := sha256.Sum256(der)
	return jose.JSONWebKey{
		Key:       public,
		KeyID:     base64.RawURLEncoding.EncodeToString(sum[:]),
		Algorithm: string(algorithm),
		Use:       "sig",
	}, nil
}

func algorithmOf(public crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		case elliptic.P521():
			return jose.ES512, nil
		}
	}
	return "", errors.New("service account key: want an RSA key or an ECDSA key on P-256, P-384 or P-521")
}

// sign makes the token.
func (i *Issuer) sign(c *claims) (string, error) {
	return jwt.Signed(i.signer).Claims(c).Serialize()
}

// verify returns what a token of this issuer says. A token of another one, or
// no token at all, is errBadToken.
func (i *Issuer) verify(token string, now time.Time) (*claims, error) {
	var c claims
	if err := i.signed(token, &c); err != nil {
		return nil, err
	}
	if c.Issuer != i.URL && !slices.Contains(i.Others, c.Issuer) {
		return nil, errBadToken
	}
	if err := c.ValidateWithLeeway(jwt.Expected{Time: now}, 0); err != nil {
		return nil, errors.New("service account token has expired or is not valid yet")
	}
	return &c, nil
}

// signed reads the claims of a token that one of the keys has signed.
func (i *Issuer) signed(token string, claims any) error {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return errBadToken
	}
	for _, key := range i.candidates(parsed.Headers[0]) {
		if parsed.Claims(key.Key, claims) == nil {
			return nil
		}
	}
	return errBadToken
}

// candidates are the keys of the token's key id; all of its algorithm for a
// token without one.
func (i *Issuer) candidates(header jose.Header) []jose.JSONWebKey {
	if header.KeyID != "" {
		return i.keys.Key(header.KeyID)
	}
	return i.keys.Keys
}

// Discovery serves what others need to verify our tokens:
// /.well-known/openid-configuration and /openid/v1/jwks.
//
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
func (i *Issuer) Discovery(jwksURL string) (http.Handler, error) {
	kinds := map[string]bool{}
	names := []string{}
	for _, key := range i.keys.Keys {
		if !kinds[key.Algorithm] {
			kinds[key.Algorithm] = true
			names = append(names, key.Algorithm)
		}
	}
	configuration, err := json.Marshal(map[string]any{
		"issuer":                                i.URL,
		"jwks_uri":                              jwksURL,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": names,
	})
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(i.keys)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", document("application/json", configuration))
	mux.HandleFunc("GET /openid/v1/jwks", document("application/jwk-set+json", keys))
	return mux, nil
}

func document(kind string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(body) // a client that is gone needs no document
	}
}
