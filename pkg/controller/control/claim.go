package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Claimer decides which of some objects belong to an owner, and makes it so: it
// adopts orphans that the owner's selector matches and releases owned objects that it
// no longer does. One value serves one sync.
type Claimer[T metav1.Object] struct {
	Owner    metav1.Object
	Kind     schema.GroupVersionKind // of Owner
	Selector labels.Selector

	// Live reads the owner from the server, not from a cache. It is called
	// at most once, before the first adoption: an owner that is being deleted
	// must not adopt what the garbage collector has just orphaned.
	Live func(ctx context.Context) (metav1.Object, error)
	// Patch sends a strategic merge patch of a dependent.
	Patch func(ctx context.Context, object T, patch []byte) (T, error)

	live error // outcome of Live
	read bool  // whether Live was called
}

// Claim returns those of objects that belong to the owner when it is done, and
// the errors of adoptions and releases that failed, joined. changed are the
// answers to the patches it sent.
func (c *Claimer[T]) Claim(ctx context.Context, objects []T) (claimed, changed []T, err error) {
	var errs []error
	for _, object := range objects {
		owner := metav1.GetControllerOfNoCopy(object)
		matches := c.Selector.Matches(labels.Set(object.GetLabels()))
		switch {
		case owner != nil && owner.UID != c.Owner.GetUID():
			// Another's.
		case owner != nil && matches:
			claimed = append(claimed, object)
		case owner != nil:
			if c.Owner.GetDeletionTimestamp() == nil {
				answer, err := c.release(ctx, object)
				changed, errs = collect(changed, errs, answer, err)
			}
		case matches && c.Owner.GetDeletionTimestamp() == nil && object.GetDeletionTimestamp() == nil:
			answer, err := c.adopt(ctx, object)
			if err == nil {
				claimed = append(claimed, answer)
			}
			changed, errs = collect(changed, errs, answer, err)
		}
	}
	return claimed, changed, errors.Join(errs...)
}

// collect keeps an answer or an error. That the object is gone, or is another
// one of its name by now, is neither.
func collect[T any](changed []T, errs []error, answer T, err error) ([]T, []error) {
	switch {
	case err == nil:
		return append(changed, answer), errs
	case apierrors.IsNotFound(err), apierrors.IsInvalid(err):
		return changed, errs
	}
	return changed, append(errs, err)
}

func (c *Claimer[T]) adopt(ctx context.Context, object T) (T, error) {
	if err := c.mayAdopt(ctx); err != nil {
		var none T
		return none, err
	}
	return c.Patch(ctx, object, ownerPatch(object, metav1.NewControllerRef(c.Owner, c.Kind)))
}

func (c *Claimer[T]) release(ctx context.Context, object T) (T, error) {
	return c.Patch(ctx, object, ownerPatch(object, map[string]any{"$patch": "delete", "uid": c.Owner.GetUID()}))
}

// ownerPatch is a strategic merge patch of one owner reference, keyed by uid. The
// object's own uid guards it: another object of the name answers 409 or 422.
func ownerPatch(object metav1.Object, reference any) []byte {
	patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{ // strings only: cannot fail
		"uid":             object.GetUID(),
		"ownerReferences": []any{reference},
	}})
	return patch
}

func (c *Claimer[T]) mayAdopt(ctx context.Context) error {
	if !c.read {
		c.read = true
		c.live = c.checkLive(ctx)
	}
	return c.live
}

func (c *Claimer[T]) checkLive(ctx context.Context) error {
	fresh, err := c.Live(ctx)
	switch {
	case err != nil:
		return err
	case fresh.GetUID() != c.Owner.GetUID():
		return fmt.Errorf("original %s %s is gone: got uid %v, wanted %v", c.Kind.Kind, Key(c.Owner), fresh.GetUID(), c.Owner.GetUID())
	case fresh.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s %s has just been deleted at %v", c.Kind.Kind, Key(c.Owner), fresh.GetDeletionTimestamp())
	}
	return nil
}

// StrategicMerge is the patch type of a Claimer's patches.
const StrategicMerge = types.StrategicMergePatchType

// ByController is the name of the index of objects by the uid of their
// controller; orphans stand under OrphanIn(namespace).
const ByController = "controller"

// ControllerIndex is the function of the index ByController.
func ControllerIndex(obj metav1.Object) []string {
	if owner := metav1.GetControllerOfNoCopy(obj); owner != nil {
		return []string{string(owner.UID)}
	}
	return []string{OrphanIn(obj.GetNamespace())}
}

// OrphanIn is where the index ByController keeps a namespace's orphans.
func OrphanIn(namespace string) string { return "orphan/" + namespace }
