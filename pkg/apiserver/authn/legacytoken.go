package authn

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// LegacyTokens authenticates by the tokens of old that never expire: they are
// good for as long as they stand in a Secret of type
// kubernetes.io/service-account-token.
//
// https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
type LegacyTokens struct {
	Issuer *Issuer
	Store  *storage.Store
}

// legacyIssuer is the iss of all of them, whatever the issuer's URL is.
const legacyIssuer = "kubernetes/serviceaccount"

type legacyClaims struct {
	jwt.Claims
	Namespace string `json:"kubernetes.io/serviceaccount/namespace"`
	Secret    string `json:"kubernetes.io/serviceaccount/secret.name"`
	Account   string `json:"kubernetes.io/serviceaccount/service-account.name"`
	UID       string `json:"kubernetes.io/serviceaccount/service-account.uid"`
}

var errInvalidated = errors.New("service account token has been invalidated")

// AuthenticateToken knows tokens that our keys have signed and that a Secret holds.
func (l *LegacyTokens) AuthenticateToken(ctx context.Context, token string, _ []string) (*request.User, []string, error) {
	var c legacyClaims
	if l.Issuer.signed(token, &c) != nil || c.Issuer != legacyIssuer {
		return nil, nil, errBadToken
	}
	if c.Secret == "" || c.UID == "" || c.Subject != serviceAccountUser(c.Namespace, c.Account) {
		return nil, nil, errors.New("service account token names no service account")
	}
	secret, err := l.Store.Collection(core.Secret).Get(ctx, c.Namespace, c.Secret, storage.Any)
	if err != nil {
		return nil, nil, errInvalidated
	}
	obj, err := secret.Object()
	if err != nil {
		return nil, nil, errInvalidated
	}
	stored := obj.(*corev1.Secret)
	if stored.DeletionTimestamp != nil || subtle.ConstantTimeCompare(stored.Data[corev1.ServiceAccountTokenKey], []byte(token)) != 1 {
		return nil, nil, errInvalidated
	}
	account, err := l.Store.Collection(core.ServiceAccount).Get(ctx, c.Namespace, c.Account, storage.Any)
	if err != nil || string(account.UID) != c.UID {
		return nil, nil, errInvalidated
	}
	return known(c.Subject, c.UID, serviceAccountGroups(c.Namespace), nil), nil, nil
}
