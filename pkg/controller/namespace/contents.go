package namespace

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// pageSize bounds the metadata that is read at a time.
const pageSize = 500

// kind is one namespaced resource to empty.
type kind struct {
	schema.GroupVersionResource
	collection bool // it can be deleted as a whole
}

// empty asks for the deletion of everything in a namespace and says what is left.
// It reads before it deletes, so that kinds with nothing in them, nearly all, cost
// no write.
func (c *controller) empty(ctx context.Context, namespace string) *progress {
	kinds, err := c.kinds()
	p := &progress{discovery: err, remaining: map[string]int{}, holders: map[string]int{}}
	for _, k := range kinds {
		if err := c.emptyKind(ctx, k, namespace, p); err != nil {
			p.failures = append(p.failures, err)
		}
	}
	return p
}

// kinds are the namespaced resources that can be listed and deleted, each once, and
// the error of those groups that cannot be discovered.
func (c *controller) kinds() ([]kind, error) {
	lists, err := discovery.ServerPreferredNamespacedResources(c.env.Client.Discovery())
	var out []kind
	for _, list := range lists {
		gv, parseErr := schema.ParseGroupVersion(list.GroupVersion)
		if parseErr != nil {
			continue // no client could use it
		}
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "delete") {
				out = append(out, kind{gv.WithResource(r.Name), slices.Contains(r.Verbs, "deletecollection")})
			}
		}
	}
	return out, err
}

func (c *controller) emptyKind(ctx context.Context, k kind, namespace string, p *progress) error {
	there, err := c.list(ctx, k, namespace)
	if err != nil || len(there) == 0 {
		return err
	}
	if slices.ContainsFunc(there, func(o metav1.PartialObjectMetadata) bool { return o.DeletionTimestamp == nil }) {
		if err := c.delete(ctx, k, namespace, there); err != nil {
			return fmt.Errorf("delete all %s: %w", k.GroupResource(), err)
		}
		if there, err = c.list(ctx, k, namespace); err != nil {
			return err
		}
	}
	for _, left := range there {
		p.remaining[k.Resource+"."+k.Group]++
		for _, finalizer := range left.Finalizers {
			p.holders[finalizer]++
		}
		if k.GroupResource() == (schema.GroupResource{Resource: "pods"}) && left.DeletionGracePeriodSeconds != nil {
			p.grace = max(p.grace, time.Duration(*left.DeletionGracePeriodSeconds)*time.Second)
		}
	}
	return nil
}

func (c *controller) list(ctx context.Context, k kind, namespace string) ([]metav1.PartialObjectMetadata, error) {
	var out []metav1.PartialObjectMetadata
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := c.metadata.Resource(k.GroupVersionResource).Namespace(namespace).List(ctx, options)
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			return nil, nil // the kind itself is gone
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", k.GroupResource(), err)
		}
		out = append(out, page.Items...)
		if page.Continue == "" {
			return out, nil
		}
		options.Continue = page.Continue
	}
}

func (c *controller) delete(ctx context.Context, k kind, namespace string, there []metav1.PartialObjectMetadata) error {
	client := c.metadata.Resource(k.GroupVersionResource).Namespace(namespace)
	background := metav1.DeletePropagationBackground
	if k.collection {
		err := client.DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{})
		if !apierrors.IsMethodNotSupported(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	for _, o := range there {
		err := client.Delete(ctx, o.Name, metav1.DeleteOptions{PropagationPolicy: &background})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// finalize takes the finalizer "kubernetes" off, after which the server removes
// the namespace.
func (c *controller) finalize(ctx context.Context, ns *v1.Namespace) error {
	next := ns.DeepCopy()
	next.Spec.Finalizers = slices.DeleteFunc(next.Spec.Finalizers, func(f v1.FinalizerName) bool { return f == v1.FinalizerKubernetes })
	made, err := c.env.Client.CoreV1().Namespaces().Finalize(ctx, next, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		c.writes.Made(ns.Name, c.store, made) // the last event of its objects may still wake it
	}
	return err
}
