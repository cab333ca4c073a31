package rest

import (
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation/path"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
	"slowmo/pkg/storage"
)

// generateAttempts is how often a name or an address that the server chose and that is
// taken is replaced.
const generateAttempts = 8

func validatePathSegment(name string, prefix bool) []string {
	return path.ValidatePathSegmentName(name, prefix)
}

// create stores a new object, or has a virtual resource answer.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#generated-values
func (c *call) create() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	w, obj, err := c.readCreate()
	if err != nil {
		return err
	}
	if c.resource.Virtual {
		return w.act(c.resource.GroupResource().String(), obj)
	}
	anonymize(obj)
	if err := matchNamespace(w.namespace, obj); err != nil {
		return err
	}
	w.dedupOwners(obj, asSent)
	from, err := w.insert(obj)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, c.kind, media, tables, from)
}

// readCreate reads what a create says: in this order, so that of several mistakes
// the same is told as upstream tells.
func (c *call) readCreate() (*write, api.Object, error) {
	contentType, err := c.decoder.ContentType(c.r)
	if err != nil {
		return nil, nil, err
	}
	body, err := wire.ReadBody(c.r)
	if err != nil {
		return nil, nil, err
	}
	options, err := c.createOptions()
	if err != nil {
		return nil, nil, err
	}
	w := &write{call: c, options: options, dryRun: dryRun(options.DryRun),
		manager: c.manager(options.FieldManager), validation: options.FieldValidation}
	obj, err := w.decodeBody(contentType, body)
	return w, obj, err
}

// decodeBody returns the object in the body, in the served version.
func (w *write) decodeBody(contentType string, body []byte) (api.Object, error) {
	obj, kind := w.form.New(), w.kind
	if w.sub != nil {
		obj, kind = w.sub.New(), w.sub.kind
	}
	if err := w.decoder.Decode(w.state, contentType, body, obj, kind.GVK, w.validation, w.mostValues()); err != nil {
		return nil, err
	}
	w.state.NoteRequest(obj)
	if w.sub != nil && w.sub.Default != nil {
		w.sub.Default(obj)
	}
	return obj, nil
}

// stored turns an object of the served version into the stored one.
func (c *call) stored(obj api.Object) (api.Object, error) {
	if c.form.From != nil {
		var err error
		if obj, err = c.form.From(obj); err != nil {
			return nil, err
		}
	}
	obj.GetObjectKind().SetGroupVersionKind(c.resource.GroupVersionKind())
	if c.resource.Default != nil {
		c.resource.Default(obj)
	}
	return obj, nil
}

// served turns a stored object into one of the served version.
func (c *call) served(obj api.Object) (api.Object, error) {
	if c.form.To == nil {
		return obj, nil
	}
	out, err := c.form.To(obj)
	if err == nil {
		out.GetObjectKind().SetGroupVersionKind(c.kind.GVK)
	}
	return out, err
}

// insert takes a decoded object through the chain and stores it.
func (w *write) insert(served api.Object) (wire.Source, error) {
	retriable := served.GetName() == "" || w.companion != nil
	for attempt := 1; ; attempt++ {
		attempted := served
		if retriable {
			attempted = served.DeepCopyObject().(api.Object)
		}
		obj, err := w.stored(attempted)
		if err != nil {
			return nil, err
		}
		if err := w.admitNew(obj); err != nil {
			return nil, err
		}
		from, err := w.put(obj)
		if errors.Is(err, storage.ErrTooLarge) { // perhaps not without who owns the fields
			obj.SetManagedFields(nil)
			from, err = w.put(obj)
		}
		// What the companion chose (an address) may have been taken meanwhile, as the name may.
		chosen := served.GetName() == "" || errors.As(err, new(*storage.OpError))
		switch {
		case errors.Is(err, storage.ErrExists) && chosen && attempt < generateAttempts:
			continue
		case errors.Is(err, storage.ErrExists):
			return nil, w.taken(obj)
		}
		return from, err
	}
}

// put stores an object that was admitted, with what goes beside it.
func (w *write) put(obj api.Object) (wire.Source, error) {
	if !w.dryRun {
		if version, err := parseVersion(obj); err == nil && version != 0 {
			return nil, errors.New("resourceVersion should not be set on objects to be created")
		}
		obj.SetResourceVersion("")
		return w.collection.Create(w.ctx, obj, w.beside...)
	}
	_, err := w.collection.Get(w.ctx, obj.GetNamespace(), obj.GetName(), storage.Consistent)
	switch {
	case err == nil:
		return nil, storage.ErrExists
	case errors.Is(err, storage.ErrNotFound):
		storage.Settle(w.resource, obj)
		return wire.Fresh{Object: obj}, nil
	}
	return nil, err
}

// taken is the error of a create whose name is in use.
func (w *write) taken(wanted api.Object) error {
	resource := w.kind.GVK.GroupVersion().WithResource(w.resource.Plural).GroupResource()
	err := error(apierrors.NewAlreadyExists(resource, wanted.GetName()))
	if wanted.GetGenerateName() != "" { // also where the client chose the name
		err = apierrors.NewGenerateNameConflict(resource, wanted.GetName(), 1)
	}
	record, failed := w.collection.Get(w.ctx, w.namespace, wanted.GetName(), storage.Any)
	if failed != nil {
		return err
	}
	if obj, failed := record.Object(); failed == nil && obj.GetDeletionTimestamp() != nil {
		return terminating(err)
	}
	return err
}
