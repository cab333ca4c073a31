package authn

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
)

// The headers by which a user asks to be taken for another.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
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
	for _, question := range questions(real, wanted) {
		decision, reason, err := authorizer.Authorize(r.Context(), question)
		if err != nil && decision != request.Allow {
			return nil, apierrors.NewInternalError(err)
		}
		if decision != request.Allow {
			return nil, authz.Forbidden(question, reason)
		}
	}
	for header := range r.Header {
		if strings.HasPrefix(header, "Impersonate-") {
			r.Header.Del(header)
		}
	}
	complete(wanted)
	return wanted, nil
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
		if !found {
			continue
		}
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
		u.Extra[strings.ToLower(key)] = slices.Clone(values)
	}
	if u.Name != "" {
		return u, nil
	}
	if u.UID != "" || len(u.Groups) > 0 || len(u.Extra) > 0 {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("a request with %s, %s or %s headers must name a user in %s",
			impersonateUID, impersonateGroup, impersonateExtra+"*", impersonateUser))
	}
	return nil, nil
}

// questions are what real must be allowed, each on its own.
func questions(real, wanted *request.User) []*request.Authorization {
	ask := func(group, resource, subresource, namespace, name string) *request.Authorization {
		return &request.Authorization{User: real, Info: &request.Info{
			IsResource:  true,
			Verb:        "impersonate",
			APIGroup:    group,
			APIVersion:  "v1",
			Resource:    resource,
			Subresource: subresource,
			Namespace:   namespace,
			Name:        name,
		}}
	}
	var list []*request.Authorization
	if namespace, name, ok := splitServiceAccount(wanted.Name); ok {
		list = append(list, ask("", "serviceaccounts", "", namespace, name))
	} else {
		list = append(list, ask("", "users", "", "", wanted.Name))
	}
	for _, group := range wanted.Groups {
		list = append(list, ask("", "groups", "", "", group))
	}
	const authentication = "authentication.k8s.io"
	for _, key := range slices.Sorted(maps.Keys(wanted.Extra)) {
		for _, value := range wanted.Extra[key] {
			list = append(list, ask(authentication, "userextras", key, "", value))
		}
	}
	if wanted.UID != "" {
		list = append(list, ask(authentication, "uids", "", "", wanted.UID))
	}
	return list
}

// complete adds the groups that authentication would have given.
func complete(u *request.User) {
	if namespace, _, ok := splitServiceAccount(u.Name); ok && len(u.Groups) == 0 {
		u.Groups = serviceAccountGroups(namespace)
	}
	group := request.GroupAuthenticated
	if u.Name == request.Anonymous {
		group = request.GroupUnauthenticated
	}
	if !u.In(request.GroupAuthenticated) && !u.In(request.GroupUnauthenticated) {
		u.Groups = append(u.Groups, group)
	}
}

// splitServiceAccount takes system:serviceaccount:NAMESPACE:NAME apart.
func splitServiceAccount(user string) (namespace, name string, ok bool) {
	rest, found := strings.CutPrefix(user, request.ServiceAccountUserPrefix)
	if !found {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	return namespace, name, ok && namespace != "" && name != "" && !strings.Contains(name, ":")
}
