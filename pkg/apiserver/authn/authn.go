// Package authn finds who a request comes from.
//
// Each kind of credential has its file: client certificates (x509.go), a static
// token file (tokenfile.go), bootstrap tokens (bootstraptoken.go) and the tokens
// of service accounts (serviceaccount.go, legacytoken.go), which this package
// also issues (issuer.go). Who may be taken for another is in impersonate.go. The server
// asks a Union of them and lets the first that knows the credential speak.
// Whoever is known is a member of system:authenticated.
//
// Verified certificates and token signatures are kept by their hash, so a client's
// second request costs no cryptography; that the service account and the pod
// behind a token still exist is looked up every time.
//
// Everything here is safe for concurrent use. No token ever gets into an error
// or a log.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
package authn

import (
	"context"
	"errors"
	"net/http"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"slowmo/pkg/apiserver/request"
)

// errBadToken is all that a client learns about a token that is not good.
var errBadToken = errors.New("invalid bearer token")

// Union asks its authenticators in order: the first that knows the request's
// credential decides. Credentials that none accepts are an error if one
// of them knew what they were.
type Union []request.Authenticator

// Authenticate returns the first user found.
func (u Union) Authenticate(r *http.Request) (*request.User, bool, error) {
	var failed error
	for _, authenticator := range u {
		user, ok, err := authenticator.Authenticate(r)
		if ok {
			return user, true, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, false, failed
}

// TokenAuthenticator tells whose a bearer token is. audiences are those that the
// caller answers for; it returns which of them the token is good for, or nil for
// a token that names none and is meant for the API server.
type TokenAuthenticator interface {
	AuthenticateToken(ctx context.Context, token string, audiences []string) (user *request.User, good []string, err error)
}

// Bearer authenticates requests by the token in their Authorization header, or in a
// subprotocol of the websocket that they open.
type Bearer struct {
	Tokens []TokenAuthenticator
	// Audiences are the names under which the API server itself is meant.
	Audiences []string
}

// Authenticate knows requests with a bearer token and no others.
func (b Bearer) Authenticate(r *http.Request) (*request.User, bool, error) {
	token := bearerToken(r)
	if token == "" {
		token = websocketToken(r)
	}
	if token == "" {
		return nil, false, nil
	}
	user, _, err := b.AuthenticateToken(r.Context(), token, b.Audiences)
	return user, err == nil, err
}

// AuthenticateToken returns the first user that the token is good for.
func (b Bearer) AuthenticateToken(ctx context.Context, token string, audiences []string) (*request.User, []string, error) {
	failed := []error{errBadToken}
	for _, authenticator := range b.Tokens {
		user, good, err := authenticator.AuthenticateToken(ctx, token, audiences)
		if err == nil && good == nil {
			if good = intersection(audiences, b.Audiences); len(good) == 0 {
				err = errBadToken
			}
		}
		if err == nil {
			return user, good, nil
		}
		failed = append(failed, err)
	}
	return nil, nil, utilerrors.NewAggregate(failed) // which says a thing once
}

func bearerToken(r *http.Request) string {
	parts := strings.Split(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if len(parts) < 2 || !strings.EqualFold(parts[0], "bearer") {
		return ""
	}
	if parts[1] == "" {
		request.From(r.Context()).Warn("the provided Authorization header contains extra space before the bearer token, and is ignored")
	}
	return parts[1]
}

// known makes the user that authentication returns for a credential.
func known(name, uid string, groups []string, extra map[string][]string) *request.User {
	all := make([]string, 0, len(groups)+1)
	all = append(append(all, groups...), request.GroupAuthenticated)
	return &request.User{Name: name, UID: uid, Groups: all, Extra: extra}
}

// credentialID is the extra that lets an audit log tell credentials of one
// user apart.
const credentialID = "authentication.kubernetes.io/credential-id"
