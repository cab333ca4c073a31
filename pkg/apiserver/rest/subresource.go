package rest

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
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
		if c.Actions[name] == nil && ownActions[name] == nil {
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

// createView has an action taken: a pod bound or evicted, a token made.
func (c *call) createView(name string) error {
	w, body, err := c.readCreate()
	if err != nil {
		return err
	}
	return w.act(name, body)
}

// preserved are the actions whose body says which object it means, by uid.
var preserved = map[string]bool{"pods/binding": true, "serviceaccounts/token": true}

// act has the body answered by who knows how.
func (w *write) act(name string, body api.Object) error {
	if !preserved[name] {
		anonymize(body)
	}
	if err := matchNamespace(w.namespace, body); err != nil {
		return err
	}
	w.dedupOwners(body, asSent)
	if err := w.trackNew(body); err != nil {
		return err
	}
	attributes := w.attributes(request.Create, body, nil)
	if err := w.Admission.Mutate(w.ctx, attributes); err != nil {
		return err
	}
	if err := w.Admission.Validate(w.ctx, attributes); err != nil {
		return err
	}
	answer, err := w.take(name, body)
	if err != nil {
		return err
	}
	if answer.GetObjectKind().GroupVersionKind().Empty() {
		answer.GetObjectKind().SetGroupVersionKind(body.GetObjectKind().GroupVersionKind())
	}
	wire.Write(w.w, w.r, http.StatusCreated, answer)
	return nil
}

func (w *write) take(name string, body api.Object) (runtime.Object, error) {
	if own := ownActions[name]; own != nil {
		return own(w, w.info.Name, body)
	}
	action := w.Actions[name]
	if action == nil {
		return nil, wire.NotFoundRoute()
	}
	return action(w.ctx, w.namespace, w.info.Name, body)
}

// success is the answer to what leaves no object to show.
func success(code int32) runtime.Object {
	return &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: code}
}
