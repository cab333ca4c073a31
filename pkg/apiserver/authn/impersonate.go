package authn

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/apiserver/request"
)

// The headers by which a user asks to be taken for another.
//
// https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
const (
	impersonateUser  = "Impersonate-User"
	impersonateUID   = "Impersonate-Uid"
	impersonateGroup = "Impersonate-Group"
	impersonateExtra = "Impersonate-Extra-"
)

// Impersonate returns who the request is to be taken to come from: the user
// that its impersonation headers describe, if real may impersonate it, or real
// where there are none. The headers are taken off the request. Errors are Statuses.
func Impersonate(r *http.Request, real *request.User, authorizer request.Authorizer) (*request.User, error) {
	wanted, err := impersonated(r.Header)
	if err != nil || wanted == nil {
		return real, err
	}
	for header := range r.Header {
		if strings.HasPrefix(header, "Impersonate-") {
			r.Header.Del(header)
		}
	}
	i := &impersonation{authorizer: authorizer, real: real, wanted: wanted, info: request.InfoFrom(r.Context())}
	return i.try(r.Context())
}

// impersonated reads the headers; nil if there are none.
func impersonated(h http.Header) (*request.User, error) {
	u := &request.User{
		Name:   h.Get(impersonateUser),
		UID:    h.Get(impersonateUID),
		Groups: slices.Clone(h.Values(impersonateGroup)),
	}
	for header, values := range h {
		key, found := strings.CutPrefix(header, impersonateExtra)
		if !found || len(values) == 0 {
			continue
		}
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		key = strings.ToLower(key)
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
		u.Extra[key] = slices.Clone(values)
	}
	if u.Name != "" {
		return u, nil
	}
	if u.UID != "" || len(u.Groups) > 0 || len(u.Extra) > 0 {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("requested &user.DefaultInfo{Name:%#v, UID:%#v, Groups:%#v, Extra:%#v} without impersonating a user name",
			u.Name, u.UID, u.Groups, u.Extra))
	}
	return nil, nil
}
