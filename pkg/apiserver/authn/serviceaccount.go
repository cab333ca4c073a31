package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// afterDeletion is how long a token outlives the deletion of the object that it is
// bound to, so that a pod can finish what it does while it goes.
const afterDeletion = time.Minute

// ServiceAccounts authenticates by the tokens that our Issuer made.
type ServiceAccounts struct {
	issuer   *Issuer
	store    *storage.Store
	verified cache[*verified]
}

// verified is a token whose signature is good. claims and user never change.
type verified struct {
	claims *claims
	user   *request.User

	// The service account, and the one object that the token is bound to
	// beside it, as last looked at.
	account, bound atomic.Pointer[sighting]
}

// NewServiceAccounts looks the objects behind tokens up in the store's cache.
func NewServiceAccounts(issuer *Issuer, store *storage.Store) *ServiceAccounts {
	return &ServiceAccounts{issuer: issuer, store: store}
}

// AuthenticateToken knows tokens of the issuer that are in time, meant for one
// of the audiences, and bound to objects that exist.
func (s *ServiceAccounts) AuthenticateToken(ctx context.Context, token string, audiences []string) (*request.User, []string, error) {
	// Three parts or no JWT: a static token is told apart without hashing it.
	if strings.Count(token, ".") != 2 {
		return nil, nil, errBadToken
	}
	v, err := s.verify(token)
	if err != nil {
		return nil, nil, err
	}
	good := intersection(audiences, v.claims.Audience)
	if len(good) == 0 {
		return nil, nil, fmt.Errorf("token audiences %q is invalid for the target audiences %q", v.claims.Audience, audiences)
	}
	if err := s.alive(ctx, v); err != nil {
		return nil, nil, err
	}
	return v.user, good, nil
}

func (s *ServiceAccounts) verify(token string) (*verified, error) {
	now, id := time.Now(), sha256.Sum256([]byte(token))
	if v, there := s.verified.get(id, now); there {
		return v, nil
	}
	c, err := s.issuer.verify(token, now)
	if err != nil {
		return nil, err
	}
	if c.Kubernetes.ServiceAccount.UID == "" || c.Subject != serviceAccountUser(c.Kubernetes.Namespace, c.Kubernetes.ServiceAccount.Name) {
		return nil, errors.New("service account token names no service account")
	}
	v := &verified{claims: c, user: c.user()}
	s.verified.put(id, v, c.Expiry.Time())
	return v, nil
}

// alive checks that all that the token is bound to is there and is the same
// object as when it was issued.
func (s *ServiceAccounts) alive(ctx context.Context, v *verified) error {
	k := &v.claims.Kubernetes
	namespace := k.Namespace
	ok := s.exists(ctx, core.ServiceAccount, namespace, &k.ServiceAccount, &v.account)
	switch {
	case k.Pod != nil:
		ok = ok && s.exists(ctx, core.Pod, namespace, k.Pod, &v.bound)
	case k.Secret != nil:
		ok = ok && s.exists(ctx, core.Secret, namespace, k.Secret, &v.bound)
	case k.Node != nil:
		ok = ok && s.exists(ctx, core.Node, "", k.Node, &v.bound)
	}
	if !ok {
		return errInvalidated
	}
	return nil
}

// exists says whether the object is there and, if it is being deleted, whether that
// began lately. seen saves decoding an object that has not changed since the
// token was last used.
func (s *ServiceAccounts) exists(ctx context.Context, r *api.Resource, namespace string, ref *reference, seen *atomic.Pointer[sighting]) bool {
	record, err := s.store.Collection(r).Get(ctx, namespace, ref.Name, storage.Any)
	if err != nil || string(record.UID) != ref.UID {
		return false
	}
	last := seen.Load()
	if last == nil || last.record != record {
		if last, err = newSighting(record); err != nil {
			return false
		}
		seen.Store(last)
	}
	return last.until.IsZero() || time.Now().Before(last.until)
}

// sighting is what a revision of an object says of the tokens bound to it.
type sighting struct {
	record *storage.Record
	until  time.Time // zero: they are good as long as the object is there
}

func newSighting(record *storage.Record) (*sighting, error) {
	obj, err := record.Object()
	if err != nil {
		return nil, err
	}
	s := &sighting{record: record}
	if deleted := obj.GetDeletionTimestamp(); deleted != nil {
		s.until = deleted.Add(afterDeletion)
	}
	return s, nil
}

// intersection returns the members of a that are in b, in a's order.
func intersection(a, b []string) []string {
	var both []string
	for _, item := range a {
		if slices.Contains(b, item) {
			both = append(both, item)
		}
	}
	return both
}
