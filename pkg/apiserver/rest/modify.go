package rest

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// modification is a write that starts from the present object: update, patch,
// and all writes to subresources. Its step is taken again when another write
// came first, so it keeps nothing from one time to the next.
type modification struct {
	*write
	createIfAbsent bool
	uid            types.UID // of the object that is meant; "" is any

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
	if errors.Is(err, storage.ErrTooLarge) && !m.applied {
		m.ownerless = true
		record, err = m.collection.Modify(m.ctx, m.namespace, m.info.Name, m.step)
	}
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
	if current == nil && !m.createIfAbsent {
		return nil, storage.ErrNotFound
	}
	if err := m.checkUID(current); err != nil {
		return nil, err
	}
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

// checkUID refuses to change another object than the one that is meant.
func (m *modification) checkUID(current api.Object) error {
	present := ""
	if current != nil {
		present = string(current.GetUID())
	}
	return m.checkMeant(m.dryRun, "UID", string(m.uid), present)
}

func (m *modification) stepNew() (api.Object, error) {
	body, err := m.edit(nil)
	if err != nil {
		return nil, err
	}
	if uid := body.GetUID(); uid != "" {
		return nil, apierrors.NewConflict(m.kind.GVK.GroupVersion().WithResource(m.resource.Plural).GroupResource(), m.info.Name,
			fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid))
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
