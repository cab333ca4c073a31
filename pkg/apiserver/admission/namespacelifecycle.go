package admission

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// namespaceLifecycle lets nothing be made in a namespace that is not there or
// is going away, and keeps the namespaces that the cluster needs.
type namespaceLifecycle struct{ store *storage.Store }

// Mutate refuses: what is wrong with the namespace is told before
// anything that is wrong with the object, as upstream's does.
func (n *namespaceLifecycle) Mutate(ctx context.Context, a *request.Attributes) error {
	if plugin.Is(a, "", "namespaces") {
		return keepImmortal(a)
	}
	if a.Namespace == "" || a.Operation == request.Delete || a.Operation == request.Connect || isAccessReview(a) {
		return nil
	}
	namespace, err := plugin.Lookup[*corev1.Namespace](ctx, n.store.Collection(core.Namespace), "", a.Namespace)
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(core.Namespace.GroupResource(), a.Namespace)
	}
	if err != nil {
		return err
	}
	if a.Operation == request.Create && namespace.Status.Phase == corev1.NamespaceTerminating {
		return terminating(a)
	}
	return nil
}

// Validate has nothing to add.
func (n *namespaceLifecycle) Validate(context.Context, *request.Attributes) error { return nil }

func keepImmortal(a *request.Attributes) error {
	if a.Operation != request.Delete {
		return nil
	}
	switch a.Name {
	case metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic:
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errors.New("this namespace may not be deleted"))
	}
	return nil
}

func isAccessReview(a *request.Attributes) bool {
	return plugin.Is(a, "authorization.k8s.io", "localsubjectaccessreviews")
}

func terminating(a *request.Attributes) error {
	text := fmt.Sprintf("unable to create new content in namespace %s because it is being terminated", a.Namespace)
	err := apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errors.New(text))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    corev1.NamespaceTerminatingCause,
		Message: fmt.Sprintf("namespace %s is being terminated", a.Namespace),
		Field:   "metadata.namespace",
	})
	return err
}
