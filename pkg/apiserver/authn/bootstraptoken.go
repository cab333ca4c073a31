package authn

import (
	"context"
	"crypto/subtle"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// BootstrapTokens authenticates by the tokens with which new nodes join a
// cluster: ID.SECRET, kept in Secret kube-system/bootstrap-token-ID.
//
// https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
type BootstrapTokens struct {
	Store *storage.Store
}

const (
	bootstrapUserPrefix = "system:bootstrap:"
	bootstrapGroup      = "system:bootstrappers"
)

var (
	bootstrapToken      = regexp.MustCompile(`\A([a-z0-9]{6})\.([a-z0-9]{16})\z`)
	bootstrapExtraGroup = regexp.MustCompile(`\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z`)
)

// AuthenticateToken knows tokens whose secret is there, allows it, and has not expired.
func (b *BootstrapTokens) AuthenticateToken(ctx context.Context, token string, _ []string) (*request.User, []string, error) {
	parts := bootstrapToken.FindStringSubmatch(token)
	if parts == nil {
		return nil, nil, errBadToken
	}
	id, secret := parts[1], parts[2]
	record, err := b.Store.Collection(core.Secret).Get(ctx, metav1.NamespaceSystem, "bootstrap-token-"+id, storage.Any)
	if err != nil {
		return nil, nil, errBadToken
	}
	obj, err := record.Object()
	if err != nil {
		return nil, nil, errBadToken
	}
	stored := obj.(*corev1.Secret)
	if !usable(stored, id, secret, time.Now()) {
		return nil, nil, errBadToken
	}
	groups, ok := bootstrapGroups(stored)
	if !ok {
		return nil, nil, errBadToken
	}
	return known(bootstrapUserPrefix+id, "", groups, nil), nil, nil
}

func usable(stored *corev1.Secret, id, secret string, now time.Time) bool {
	has := func(key, want string) bool {
		return subtle.ConstantTimeCompare(stored.Data[key], []byte(want)) == 1
	}
	if stored.DeletionTimestamp != nil || stored.Type != corev1.SecretTypeBootstrapToken ||
		!has("token-secret", secret) || !has("token-id", id) || !has("usage-bootstrap-authentication", "true") {
		return false
	}
	expiration := string(stored.Data["expiration"])
	if expiration == "" {
		return true
	}
	expires, err := time.Parse(time.RFC3339, expiration)
	return err == nil && now.Before(expires)
}

// bootstrapGroups returns the groups of the token's user; false if it wants one
// that such a token may not have.
func bootstrapGroups(stored *corev1.Secret) ([]string, bool) {
	groups := []string{bootstrapGroup}
	extra := string(stored.Data["auth-extra-groups"])
	if extra == "" {
		return groups, true
	}
	for _, name := range strings.Split(extra, ",") {
		if name = strings.TrimSpace(name); !bootstrapExtraGroup.MatchString(name) {
			return nil, false
		}
		groups = append(groups, name)
	}
	return groups, true
}
