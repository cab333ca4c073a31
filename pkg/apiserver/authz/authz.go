// Package authz decides whether a user may do what a request asks for.
//
// A request.Authorizer answers one question, a request.Authorization, with
// Allow, Deny or NoOpinion. The server asks a Chain: the first authorizer with
// an opinion decides, and where none has one the request is refused.
//
//	system:masters -> Node -> RBAC -> no
//
// RBAC and Node answer from indexes in memory that follow the store's caches;
// a check takes microseconds and never waits for storage. An index is as fresh as an informer
// would be: it has seen a write moments after the write returned.
//
// A caller makes an authorizer by NewRBAC or NewNode, which fill the index, and
// keeps Run going beside it. All methods are safe for concurrent use.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/
package authz

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/apiserver/request"
)

// Chain asks its authorizers in order.
type Chain []request.Authorizer

// Authorize returns the first opinion, or NoOpinion with all the reasons and errors.
func (c Chain) Authorize(ctx context.Context, a *request.Authorization) (request.Decision, string, error) {
	var reasons []string
	var failed error
	for _, authorizer := range c {
		decision, reason, err := authorizer.Authorize(ctx, a)
		if decision != request.NoOpinion {
			return decision, reason, err
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
		failed = errors.Join(failed, err)
	}
	return request.NoOpinion, strings.Join(reasons, "\n"), failed
}

// Named is an authorizer whose name stands before the reasons for which it has no
// opinion, as upstream's chain has it. Node names itself.
type Named struct {
	Name string
	request.Authorizer
}

// Authorize asks it.
func (n Named) Authorize(ctx context.Context, a *request.Authorization) (request.Decision, string, error) {
	decision, reason, err := n.Authorizer.Authorize(ctx, a)
	if decision == request.NoOpinion && reason != "" {
		reason = n.Name + ": " + reason
	}
	return decision, reason, err
}

// Masters allows members of system:masters everything, so that an
// administrator can mend roles that no longer let anybody in.
type Masters struct{}

// Authorize has an opinion on system:masters only.
func (Masters) Authorize(_ context.Context, a *request.Authorization) (request.Decision, string, error) {
	if a.User.In(request.GroupMasters) {
		return request.Allow, "", nil
	}
	return request.NoOpinion, "", nil
}

// AlwaysAllow is the authorization mode of that name, for tests.
type AlwaysAllow struct{}

// Authorize allows.
func (AlwaysAllow) Authorize(context.Context, *request.Authorization) (request.Decision, string, error) {
	return request.Allow, "", nil
}

// AlwaysDeny is the authorization mode of that name, for tests.
type AlwaysDeny struct{}

// Authorize has no opinion, as upstream's: an administrator still gets in.
func (AlwaysDeny) Authorize(context.Context, *request.Authorization) (request.Decision, string, error) {
	return request.NoOpinion, "Everything is forbidden.", nil
}

// Forbidden returns the 403 that tells a client what it may not do, in
// kube-apiserver's words.
func Forbidden(a *request.Authorization, reason string) *apierrors.StatusError {
	text := harmless.Replace(describe(a))
	if reason != "" {
		text += ": " + reason
	}
	resource := schema.GroupResource{Group: a.Info.APIGroup, Resource: a.Info.Resource}
	return apierrors.NewForbidden(resource, a.Info.Name, errors.New(text))
}

// harmless keeps names and paths that a client chose from looking like HTML.
var harmless = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func describe(a *request.Authorization) string {
	info := a.Info
	if !info.IsResource {
		return fmt.Sprintf("User %q cannot %s path %q", a.User.Name, info.Verb, info.Path)
	}
	scope := "at the cluster scope"
	if info.Namespace != "" {
		scope = fmt.Sprintf("in the namespace %q", info.Namespace)
	}
	return fmt.Sprintf("User %q cannot %s resource %q in API group %q %s",
		a.User.Name, info.Verb, fullResource(info), info.APIGroup, scope)
}

// fullResource returns "pods/log", as rules write it.
func fullResource(info *request.Info) string {
	if info.Subresource == "" {
		return info.Resource
	}
	return info.Resource + "/" + info.Subresource
}

// objectName returns the one object that a request is about: the one in the
// path, or the one that a list or watch is narrowed to by metadata.name. It is
// empty for collections.
func objectName(info *request.Info) string {
	if info.Name != "" || info.FieldSelector == "" {
		return info.Name
	}
	name, _ := selected(info, "metadata.name")
	return name
}

// selected returns the value that the field selector demands of field.
func selected(info *request.Info, field string) (string, bool) {
	selector, err := fields.ParseSelector(info.FieldSelector)
	if err != nil {
		return "", false
	}
	return selector.RequiresExactMatch(field)
}
