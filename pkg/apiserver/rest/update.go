package rest

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// update replaces an object by the one in the body.
func (c *call) update() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	data, err := wire.ReadBody(c.r)
	if err != nil {
		return err
	}
	options, err := c.updateOptions()
	if err != nil {
		return err
	}
	w := &write{call: c, options: options, dryRun: dryRun(options.DryRun),
		manager: c.manager(options.FieldManager), validation: options.FieldValidation}
	contentType, err := c.decoder.ContentType(c.r)
	if err != nil {
		return err
	}
	body, err := w.decodeBody(contentType, data)
	if err != nil {
		return err
	}
	if err := w.checkName(body); err != nil {
		return err
	}
	w.dedupOwners(body, asSent)
	m := &modification{write: w, createIfAbsent: c.resource.CreateOnUpdate && c.sub == nil, uid: body.GetUID(),
		edit: func(api.Object) (api.Object, error) { return body.DeepCopyObject().(api.Object), nil }}
	from, err := m.run()
	if err != nil {
		return err
	}
	return m.respond(media, tables, from)
}

// checkName refuses a body that is about another object than the path, and
// gives it the path's namespace.
func (c *call) checkName(body api.Object) error {
	if err := matchNamespace(c.namespace, body); err != nil {
		return err
	}
	switch body.GetName() {
	case "":
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", c.info.Name))
	case c.info.Name:
	default:
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", body.GetName(), c.info.Name))
	}
	return nil
}
