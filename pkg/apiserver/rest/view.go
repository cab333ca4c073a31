package rest

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// What a call shows of a stored object, and how what is written there gets into the
// object: the object itself in the served version, or a subresource, which may
// be a view of another kind: a Scale.

// view returns what the call shows of a stored object.
func (c *call) view(obj api.Object) (api.Object, error) {
	if c.sub == nil || c.sub.Get == nil {
		return c.served(obj)
	}
	body, err := c.sub.Get(obj)
	if err == nil {
		body.GetObjectKind().SetGroupVersionKind(c.sub.kind.GVK)
	}
	return body, err
}

// answerView sends the body of a subresource that is a view of its parent.
func (c *call) answerView(code int, media wire.Media, tables *metav1.TableOptions, from wire.Source) error {
	obj, err := wire.ObjectOf(from)
	if err != nil {
		return err
	}
	body, err := c.view(obj)
	if err != nil {
		return err
	}
	return c.answer(code, c.sub.kind, media, tables, wire.Fresh{Object: body})
}

// edited returns the present object with the edit in it.
func (m *modification) edited(current api.Object) (api.Object, error) {
	present, err := m.view(current.DeepCopyObject().(api.Object))
	if err != nil {
		return nil, err
	}
	if m.sub != nil && m.sub.view {
		return m.editedView(current, present)
	}
	body, err := m.edit(present)
	if err != nil {
		return nil, err
	}
	if err := m.checkName(body); err != nil {
		return nil, err
	}
	if m.sub == nil {
		return m.stored(body)
	}
	parent := current.DeepCopyObject().(api.Object)
	if body, err = m.stored(body); err != nil {
		return nil, err
	}
	parent.SetResourceVersion(body.GetResourceVersion())
	parent.SetUID(body.GetUID())
	if m.applied {
		parent.SetManagedFields(body.GetManagedFields())
	}
	return parent, m.sub.Put(m.ctx, parent, body)
}

// editedView returns the parent with the edit of its view in it, and with who owns
// what the view shows.
func (m *modification) editedView(current, present api.Object) (api.Object, error) {
	owners, err := m.sub.fields.ToView(current.GetManagedFields())
	if err != nil {
		return nil, err
	}
	present.SetManagedFields(owners)
	body, err := m.edit(present)
	if err != nil {
		return nil, err
	}
	if err := m.checkName(body); err != nil {
		return nil, err
	}
	if !m.applied {
		if err := m.sub.fields.Changed(m.manager, body, present); err != nil {
			return nil, err
		}
	}
	parent := current.DeepCopyObject().(api.Object)
	if err := m.sub.Put(m.ctx, parent, body); err != nil {
		return nil, err
	}
	if uid := body.GetUID(); uid != "" && uid != current.GetUID() {
		resource := m.resource.GroupResource()
		resource.Resource += "/" + m.sub.Name
		return nil, apierrors.NewConflict(resource, current.GetName(),
			//lint:ignore ST1005 upstream's words, which clients show
			fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", uid, current.GetUID()))
	}
	parent.SetResourceVersion(body.GetResourceVersion())
	owners, err = m.sub.fields.ToParent(current.GetManagedFields(), body.GetManagedFields())
	parent.SetManagedFields(owners)
	return parent, err
}
