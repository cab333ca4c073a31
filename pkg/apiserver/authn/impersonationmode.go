package authn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/apiserver/authz"
	"slowmo/pkg/apiserver/request"
)

// A mode is a way to be allowed to impersonate. The constrained ones ask two
// questions: whether real may do what the request does while it
// impersonates in this mode (verb impersonate-on:MODE:VERB on what the request
// is about), and whether it may impersonate this user (verb impersonate:MODE).
// The last one, of old, asks only whether real has the verb impersonate.
//
// https://kep.k8s.io/5284
type mode struct {
	name    string // empty for the old one
	applies func(wanted, real *request.User) bool
}

var modes = []mode{
	{"associated-node", func(wanted, real *request.User) bool { return onlyNamed(wanted) && runsOn(real, wanted.Name) }},
	{"arbitrary-node", func(wanted, _ *request.User) bool { return onlyNamed(wanted) && isNode(wanted.Name) }},
	{"serviceaccount", func(wanted, _ *request.User) bool { return onlyNamed(wanted) && isServiceAccount(wanted.Name) }},
	{"user-info", func(wanted, _ *request.User) bool { return !isNode(wanted.Name) && !isServiceAccount(wanted.Name) }},
	{"", func(_, _ *request.User) bool { return true }},
}

// impersonation is one request's.
type impersonation struct {
	authorizer   request.Authorizer
	real, wanted *request.User
	info         *request.Info // of what the request asks for
}

// try returns the user of the first mode that allows it, or the first refusal.
func (i *impersonation) try(ctx context.Context) (*request.User, error) {
	var first error
	for _, m := range modes {
		if !m.applies(i.wanted, i.real) {
			continue
		}
		err := i.check(ctx, m)
		if err == nil {
			return i.complete(m), nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (i *impersonation) check(ctx context.Context, m mode) error {
	real := i.real
	if m.name == "associated-node" {
		// What tells one pod's token from another's does not matter to this question.
		real = &request.User{Name: real.Name, UID: real.UID, Groups: real.Groups, Extra: map[string][]string{
			"authentication.kubernetes.io/associated-node-keys": slices.Sorted(maps.Keys(real.Extra)),
		}}
	}
	if m.name != "" {
		on := *i.info
		on.Verb = "impersonate-on:" + m.name + ":" + on.Verb
		if err := i.ask(ctx, &request.Authorization{User: real, Info: &on}); err != nil {
			return err
		}
		if err := i.sane(real, m); err != nil {
			return err
		}
	}
	for _, question := range i.questions(real, m) {
		if err := i.ask(ctx, question); err != nil {
			return err
		}
	}
	return nil
}

func (i *impersonation) ask(ctx context.Context, question *request.Authorization) error {
	decision, reason, err := i.authorizer.Authorize(ctx, question)
	switch {
	case decision == request.Allow:
		return nil
	case apierrors.IsForbidden(err):
		return err
	case err != nil && reason != "":
		reason = fmt.Sprintf("%v: %s", err, reason)
	case err != nil:
		reason = err.Error()
	}
	return authz.Forbidden(question, reason)
}

const authenticationGroup = "authentication.k8s.io"

// question asks whether real may impersonate something.
func (m mode) question(real *request.User, group, resource, subresource, namespace, name string) *request.Authorization {
	verb := "impersonate"
	if m.name != "" {
		verb += ":" + m.name
	}
	return &request.Authorization{User: real, Info: &request.Info{
		IsResource:  true,
		Verb:        verb,
		APIGroup:    group,
		APIVersion:  "v1",
		Resource:    resource,
		Subresource: subresource,
		Namespace:   namespace,
		Name:        name,
	}}
}

// questions are what real must be allowed, each on its own.
func (i *impersonation) questions(real *request.User, m mode) (list []*request.Authorization) {
	group := ""
	if m.name != "" {
		group = authenticationGroup
	}
	namespace, account, ok := splitServiceAccount(i.wanted.Name)
	switch {
	case ok:
		list = append(list, m.question(real, group, "serviceaccounts", "", namespace, account))
	case m.name == "associated-node": // whichever it is: it has been found to be the right one
		list = append(list, m.question(real, group, "nodes", "", "", "*"))
	case m.name == "arbitrary-node":
		list = append(list, m.question(real, group, "nodes", "", "", strings.TrimPrefix(i.wanted.Name, request.NodeUserPrefix)))
	default:
		list = append(list, m.question(real, group, "users", "", "", i.wanted.Name))
	}
	if i.wanted.UID != "" {
		list = append(list, m.question(real, authenticationGroup, "uids", "", "", i.wanted.UID))
	}
	for _, name := range i.wanted.Groups {
		list = append(list, m.question(real, group, "groups", "", "", name))
	}
	for _, key := range slices.Sorted(maps.Keys(i.wanted.Extra)) {
		for _, value := range i.wanted.Extra[key] {
			list = append(list, m.question(real, authenticationGroup, "userextras", key, "", value))
		}
	}
	return list
}

// sane refuses what the old mode has to allow for the sake of old clients.
func (i *impersonation) sane(real *request.User, m mode) error {
	refuse := func(resource, name, why string) error {
		return authz.Forbidden(m.question(real, authenticationGroup, resource, "", "", name), why)
	}
	if slices.Contains(i.wanted.Groups, "") {
		return refuse("groups", "", "impersonating the empty string group is not allowed")
	}
	if i.wanted.In(request.GroupMasters) {
		return refuse("groups", request.GroupMasters, "impersonating the system:masters group is not allowed")
	}
	for _, key := range slices.Sorted(maps.Keys(i.wanted.Extra)) {
		if err := saneExtra(key, i.wanted.Extra[key]); err != nil {
			return refuse("userextras", "", err.Error())
		}
	}
	return nil
}

func saneExtra(key string, values []string) error {
	if key == "" {
		return errors.New("impersonating the empty string key in extra is not allowed")
	}
	if err := utilvalidation.IsDomainPrefixedPath(field.NewPath("extra", "key"), key).ToAggregate(); err != nil {
		return fmt.Errorf("impersonating an invalid key in extra is not allowed: %w", err)
	}
	if key != strings.ToLower(key) {
		return fmt.Errorf("impersonating a non-lowercase key in extra is not allowed: %q", key)
	}
	if slices.Contains(values, "") {
		return errors.New("impersonating the empty string value in extra is not allowed")
	}
	return nil
}

// complete returns the user with the groups that authentication would have given.
func (i *impersonation) complete(m mode) *request.User {
	u := *i.wanted
	u.Groups = slices.Clone(u.Groups)
	if namespace, _, ok := splitServiceAccount(u.Name); ok && len(u.Groups) == 0 {
		u.Groups = serviceAccountGroups(namespace)
	}
	if m.name == "associated-node" || m.name == "arbitrary-node" {
		u.Groups = []string{request.GroupNodes}
	}
	switch {
	case u.In(request.GroupUnauthenticated):
	case u.Name == request.Anonymous:
		u.Groups = append(u.Groups, request.GroupUnauthenticated)
	case !u.In(request.GroupAuthenticated):
		u.Groups = append(u.Groups, request.GroupAuthenticated)
	}
	return &u
}

func onlyNamed(u *request.User) bool {
	return u.UID == "" && len(u.Groups) == 0 && len(u.Extra) == 0
}

func isNode(user string) bool {
	name, found := strings.CutPrefix(user, request.NodeUserPrefix)
	return found && len(apivalidation.NameIsDNSSubdomain(name, false)) == 0
}

func isServiceAccount(user string) bool {
	_, _, ok := splitServiceAccount(user)
	return ok
}

// runsOn says whether real is a service account whose token is bound to the node.
func runsOn(real *request.User, node string) bool {
	return isNode(node) && isServiceAccount(real.Name) &&
		slices.Equal(real.Extra[nodeNameKey], []string{strings.TrimPrefix(node, request.NodeUserPrefix)})
}

// splitServiceAccount takes system:serviceaccount:NAMESPACE:NAME apart.
func splitServiceAccount(user string) (namespace, name string, ok bool) {
	rest, found := strings.CutPrefix(user, request.ServiceAccountUserPrefix)
	if !found {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	ok = ok && len(apivalidation.ValidateNamespaceName(namespace, false)) == 0 && len(apivalidation.ValidateServiceAccountName(name, false)) == 0
	return namespace, name, ok
}
