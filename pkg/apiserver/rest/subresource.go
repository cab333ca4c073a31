package rest

import (
	"fmt"
	"net/http"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/eviction"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/wire"
)

// serveSubresource serves a part of an object: a view of its data, an action
// or a connection.
func (c *call) serveSubresource() error {
	name := c.resource.Plural + "/" + c.sub.Name
	if c.sub.Connect {
		if handler := c.Connectors[name]; handler != nil {
			return c.connect(handler)
		}
		if c.Actions[name] == nil {
			return wire.NotFoundRoute()
		}
	}
	switch c.info.Verb {
	case "get":
		return c.getView()
	case "create":
		return c.createView(name)
	case "update":
		return c.update()
	case "patch":
		return c.patch()
	}
	return wire.MethodNotAllowed()
}

// connect hands the request over to who speaks the connection's protocol.
func (c *call) connect(handler http.Handler) error {
	attributes := c.attributes(request.Connect, nil, nil)
	if err := c.Admission.Mutate(c.ctx, attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.ctx, attributes); err != nil {
		return err
	}
	handler.ServeHTTP(c.w, c.r)
	return nil
}

func (c *call) getView() error {
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	record, err := c.read()
	if err != nil {
		return err
	}
	if c.sub.Get == nil {
		return c.answer(http.StatusOK, c.kind, media, tables, record)
	}
	return c.answerView(http.StatusOK, media, tables, record)
}

// createView has the parent changed by the body (a Binding), or has an action
// taken (a token made, a pod evicted).
func (c *call) createView(name string) error {
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	w := &write{call: c, options: options, dryRun: dryRun(options.DryRun),
		manager: c.manager(options.FieldManager), validation: options.FieldValidation}
	body, err := w.decodeBody()
	if err != nil {
		return err
	}
	if c.sub.Connect {
		return w.act(name, body)
	}
	if body.GetName() != c.info.Name {
		return apierrors.NewBadRequest(fmt.Sprintf("name in URL does not match name in %s object", c.sub.kind.GVK.Kind))
	}
	m := &modification{write: w, uid: body.GetUID(), edit: func(api.Object) (api.Object, error) { return body, nil }}
	if _, err := m.run(); err != nil {
		return err
	}
	wire.Write(c.w, c.r, http.StatusCreated, success(http.StatusCreated))
	return nil
}

// act has the body answered by who knows how.
func (w *write) act(name string, body api.Object) error {
	action := w.Actions[name]
	if action == nil {
		return wire.NotFoundRoute()
	}
	if err := matchNamespace(w.namespace, body); err != nil {
		return err
	}
	if evicted, ok := body.(*policyv1.Eviction); ok {
		if err := eviction.ShareDryRun(evicted, w.options.(*metav1.CreateOptions).DryRun); err != nil {
			return err
		}
	}
	attributes := w.attributes(request.Create, body, nil)
	if err := w.Admission.Mutate(w.ctx, attributes); err != nil {
		return err
	}
	if err := w.Admission.Validate(w.ctx, attributes); err != nil {
		return err
	}
	answer, err := action(w.ctx, w.namespace, w.info.Name, body)
	if err != nil {
		return err
	}
	if answer.GetObjectKind().GroupVersionKind().Empty() {
		answer.GetObjectKind().SetGroupVersionKind(body.GetObjectKind().GroupVersionKind())
	}
	wire.Write(w.w, w.r, http.StatusCreated, answer)
	return nil
}

// success is the answer to what leaves no object to show.
func success(code int32) runtime.Object {
	return &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: code}
}
