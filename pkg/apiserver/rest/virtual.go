package rest

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// Virtual resources that can be read: what they show is made for each request.

func (c *call) getVirtual(media wire.Media, tables *metav1.TableOptions) error {
	objects, err := c.virtual()
	if err != nil {
		return err
	}
	for _, obj := range objects {
		if obj.GetName() == c.info.Name {
			return c.answer(http.StatusOK, c.kind, media, tables, wire.Fresh{Object: obj})
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Group: c.resource.Group, Resource: c.resource.Singular}, c.info.Name)
}

func (c *call) listVirtual(media wire.Media, tables *metav1.TableOptions, wanted storage.Predicate) error {
	objects, err := c.virtual()
	if err != nil {
		return err
	}
	var items []wire.Source
	for _, obj := range objects {
		names := fields.Set{"metadata.name": obj.GetName(), "metadata.namespace": obj.GetNamespace()}
		if (wanted.Label == nil || wanted.Label.Matches(labels.Set(obj.GetLabels()))) && (wanted.Field == nil || wanted.Field.Matches(names)) {
			items = append(items, wire.Fresh{Object: obj})
		}
	}
	return c.answerItems(media, tables, items, metav1.ListMeta{})
}

// virtual returns the objects of the resource as they are at present.
func (c *call) virtual() ([]api.Object, error) {
	list := c.Listers[c.resource.GroupResource().String()]
	if list == nil {
		return nil, wire.NotFoundRoute()
	}
	objects, err := list(c.ctx)
	for _, obj := range objects {
		obj.GetObjectKind().SetGroupVersionKind(c.kind.GVK)
	}
	return objects, err
}
