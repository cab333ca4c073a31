package api

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
)

type userKey struct{}

// WithUser returns a context whose User is what user answers: who sent the
// request that the context belongs to.
func WithUser(ctx context.Context, user func() authenticationv1.UserInfo) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// User returns who sent the request that ctx belongs to. Without one it is nobody.
func User(ctx context.Context) authenticationv1.UserInfo {
	if user, ok := ctx.Value(userKey{}).(func() authenticationv1.UserInfo); ok {
		return user()
	}
	return authenticationv1.UserInfo{}
}
