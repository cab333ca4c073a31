// Package plugin is what admission plugins are made of: how they find objects, how they
// refuse, and what they embed for the half that they leave out.
package plugin

import (
	"context"
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Lookup finds an object in the cache, and asks for the present state when it is
// not there: it may have been made a moment ago through another server.
func Lookup[T api.Object](ctx context.Context, c *storage.Collection, namespace, name string) (T, error) {
	var none T
	record, err := c.Get(ctx, namespace, name, storage.Any)
	if errors.Is(err, storage.ErrNotFound) {
		record, err = c.Get(ctx, namespace, name, storage.Consistent)
	}
	if errors.Is(err, storage.ErrNotFound) {
		// Upstream's listers say "serviceaccount", in the singular.
		r := c.Resource()
		return none, apierrors.NewNotFound(schema.GroupResource{Group: r.Group, Resource: r.Singular}, name)
	}
	if err != nil {
		return none, err
	}
	obj, err := record.Object()
	if err != nil {
		return none, err
	}
	return obj.(T), nil
}

// List returns the objects of a namespace that the cache knows, in the order of
// their names; those of all namespaces for the empty one.
func List[T api.Object](ctx context.Context, c *storage.Collection, namespace string) ([]T, error) {
	if c.Len() == 0 {
		return nil, nil
	}
	page, err := c.List(ctx, storage.ListOptions{Namespace: namespace, Match: storage.MatchAny})
	if err != nil {
		return nil, err
	}
	objects := make([]T, 0, len(page.Records))
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return nil, err
		}
		objects = append(objects, obj.(T))
	}
	return objects, nil
}

// Forbid returns the 403 of a refused write. An error that is one already is
// passed on.
func Forbid(a *request.Attributes, err error) error {
	if apierrors.IsForbidden(err) {
		return err
	}
	return apierrors.NewForbidden(a.Resource.GroupResource(), NameOf(a), err)
}

// NameOf returns the name that errors give an object that may not have one yet.
func NameOf(a *request.Attributes) string {
	switch {
	case a.Name != "":
		return a.Name
	case a.Object == nil:
		return "Unknown"
	case a.Object.GetName() != "":
		return a.Object.GetName()
	case a.Object.GetGenerateName() != "":
		return a.Object.GetGenerateName()
	}
	return "Unknown"
}

// Mutates is embedded by plugins that refuse nothing in the end.
type Mutates struct{}

func (Mutates) Validate(context.Context, *request.Attributes) error { return nil }

// Validates is embedded by plugins that change nothing.
type Validates struct{}

func (Validates) Mutate(context.Context, *request.Attributes) error { return nil }

// Is says whether the write is of this resource itself or, given as
// "pods/status", of that subresource.
func Is(a *request.Attributes, group, resource string) bool {
	name, subresource, _ := strings.Cut(resource, "/")
	return a.Resource.Group == group && a.Resource.Resource == name && a.Subresource == subresource
}

// IsMirror says whether a pod only shows in the API what a kubelet runs anyway.
func IsMirror(pod *corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return mirror
}
