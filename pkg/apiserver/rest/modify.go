package rest

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// modification is a write that starts from the present object: update, patch,
// and all writes to subresources. Its step is taken again when another write
// came first, so it keeps nothing from one time to the next.
type modification struct {
	*write
	mayCreate bool

	// edit returns what the object, or the body of the subresource, is to be, in
	// the served version. It may change and return present, a copy of its own,
	// which is nil if there is no object.
	edit func(present api.Object) (api.Object, error)

	created bool
	removed api.Object // the last state of an object that went with this write
}

// run makes the change. It returns what the object is afterwards.
func (m *modification) run() (wire.Source, error) {
	if m.dryRun {
		return m.rehearse()
	}
	record, err := m.collection.Modify(m.ctx, m.namespace, m.info.Name, m.step)
	m.finish(err == nil)
	switch {
	case err != nil:
		return nil, err
	case m.removed != nil:
		m.gone(m.removed)
		return wire.Fresh{Object: m.removed}, nil
	}
	return record, nil
}

func (m *modification) rehearse() (wire.Source, error) {
	current, err := m.present()
	if err != nil {
		return nil, err
	}
	next, err := m.step(current)
	m.finish(false)
	if err != nil {
		return nil, err
	}
	if m.removed != nil {
		next = m.removed
	}
	storage.Settle(m.resource, next)
	return wire.Fresh{Object: next}, nil
}

// step makes the next object from the present one; nil removes it.
func (m *modification) step(current api.Object) (api.Object, error) {
	m.created, m.removed = false, nil
	m.finish(false)
	if current == nil {
		return m.stepNew()
	}
	next, err := m.edited(current)
	if err != nil {
		return nil, err
	}
	if err := m.admitChange(next, current); err != nil {
		return nil, err
	}
	if m.goes(next, current) {
		m.removed = next
		return nil, nil
	}
	return next, nil
}

func (m *modification) stepNew() (api.Object, error) {
	if !m.mayCreate {
		return nil, storage.ErrNotFound
	}
	body, err := m.edit(nil)
	if err != nil {
		return nil, err
	}
	if err := m.checkName(body); err != nil {
		return nil, err
	}
	next, err := m.stored(body)
	if err != nil {
		return nil, err
	}
	m.created = true
	next.SetResourceVersion("")
	return next, m.admitNew(next)
}

// edited returns the present object with the edit in it.
func (m *modification) edited(current api.Object) (api.Object, error) {
	present, err := m.view(current.DeepCopyObject().(api.Object))
	if err != nil {
		return nil, err
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
	return m.putInto(current.DeepCopyObject().(api.Object), body)
}

// putInto puts the body of a subresource into its parent.
func (m *modification) putInto(parent, body api.Object) (api.Object, error) {
	if !m.sub.view {
		var err error
		if body, err = m.stored(body); err != nil {
			return nil, err
		}
	}
	version, uid := body.GetResourceVersion(), body.GetUID()
	if err := m.sub.Put(m.ctx, parent, body); err != nil {
		return nil, err
	}
	// A body of another kind speaks of its parent's state all the same.
	parent.SetResourceVersion(version)
	parent.SetUID(uid)
	return parent, nil
}

// view returns what the call shows of a stored object: itself in the served
// version, or the body of a subresource.
func (c *call) view(obj api.Object) (api.Object, error) {
	if c.sub != nil && c.sub.Get != nil {
		body, err := c.sub.Get(obj)
		if err == nil {
			body.GetObjectKind().SetGroupVersionKind(c.sub.kind.GVK)
		}
		return body, err
	}
	return c.served(obj)
}

// respond answers with what the object is after the write.
func (m *modification) respond(media wire.Media, tables *metav1.TableOptions, from wire.Source) error {
	code := http.StatusOK
	if m.created {
		code = http.StatusCreated
	}
	if m.sub == nil || m.sub.Get == nil {
		return m.answer(code, m.kind, media, tables, from)
	}
	return m.answerView(code, media, tables, from)
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

// finish tells the companion how the last attempt went.
func (m *modification) finish(written bool) {
	if m.done != nil {
		m.done(written)
		m.done = nil
	}
}

// gone gives back what an object held that is no more.
func (c *call) gone(obj api.Object) {
	if c.companion != nil {
		c.companion.Deleted(c.ctx, obj)
	}
}

// goes says whether a write removes the object that it is about: it was
// marked for deletion, its time is over and nothing keeps it any more.
func (c *call) goes(next, current api.Object) bool {
	grace := current.GetDeletionGracePeriodSeconds()
	switch {
	case current.GetDeletionTimestamp() == nil, grace != nil && *grace > 0, len(next.GetFinalizers()) > 0:
		return false
	case c.resource.BeginDelete != nil:
		return !c.resource.BeginDelete(next)
	}
	return true
}
