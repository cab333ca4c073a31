package admission

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// lookup finds an object in the cache, and asks for the present state when it is
// not there: it may have been made a moment ago through another server.
func lookup[T api.Object](ctx context.Context, c *storage.Collection, namespace, name string) (T, error) {
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

// list returns the objects of a namespace that the cache knows, in the order of
// their names; those of all namespaces for the empty one.
func list[T api.Object](ctx context.Context, c *storage.Collection, namespace string) ([]T, error) {
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

// marked returns the class that one of the annotations says is the default: the
// youngest if there are several, and the first by name of those of one age. The
// zero T means that there is none.
func marked[T api.Object](classes []T, annotations ...string) (found T) {
	isDefault := func(class T) bool {
		return slices.ContainsFunc(annotations, func(name string) bool { return class.GetAnnotations()[name] == "true" })
	}
	for i, class := range slices.DeleteFunc(classes, func(class T) bool { return !isDefault(class) }) {
		if i == 0 || class.GetCreationTimestamp().After(found.GetCreationTimestamp().Time) {
			found = class
		}
	}
	return found
}

// await returns when the object is there, or after the delay.
func await(ctx context.Context, c *storage.Collection, namespace, name string, delay time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	watcher, err := c.Watch(ctx, storage.WatchOptions{
		Namespace: namespace,
		Predicate: storage.Predicate{Field: fields.OneTermEqualSelector("metadata.name", name)},
	})
	if err != nil {
		return
	}
	defer watcher.Close()
	// Whichever comes first: the object or the end of the delay. The caller looks again.
	_, _ = watcher.Next(ctx)
}

// forbid returns the 403 of a refused write. An error that is one already is
// passed on.
func forbid(a *request.Attributes, err error) error {
	if apierrors.IsForbidden(err) {
		return err
	}
	return apierrors.NewForbidden(a.Resource.GroupResource(), nameOf(a), err)
}

// nameOf returns the name that errors give an object that may not have one yet.
func nameOf(a *request.Attributes) string {
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
