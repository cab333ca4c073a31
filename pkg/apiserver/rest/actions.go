package rest

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/request"
)

// An action that is another verb under another name.

// bind is a create of a Binding in a namespace: the same as one of a pod's own
// binding, which takes the name from the path.
func (h *Handler) bind(ctx context.Context, namespace, _ string, body api.Object) (runtime.Object, error) {
	c, err := h.onPod(ctx, namespace, body.GetName())
	if err != nil {
		return nil, err
	}
	if c.sub = c.subs["binding"]; c.sub == nil {
		return nil, fmt.Errorf("pods have no binding")
	}
	w := &write{call: c, options: &metav1.CreateOptions{}}
	m := &modification{write: w, uid: body.GetUID(), edit: func(api.Object) (api.Object, error) { return body, nil }}
	if _, err := m.run(); err != nil {
		return nil, c.apiError(err)
	}
	return success(201), nil
}

// deletePod is a delete from within another request.
func (h *Handler) deletePod(ctx context.Context, namespace, name string, options *metav1.DeleteOptions) error {
	c, err := h.onPod(ctx, namespace, name)
	if err != nil {
		return err
	}
	return c.apiError((&deletion{call: c, options: options, name: name}).run())
}

// onPod is a call to a pod from within another one.
func (h *Handler) onPod(ctx context.Context, namespace, name string) (*call, error) {
	e := h.endpoints[endpointKey{"", "v1", "pods"}]
	if e == nil {
		return nil, fmt.Errorf("no pods are served")
	}
	state := request.From(ctx)
	info := *state.Info
	info.Resource, info.Name, info.Namespace = "pods", name, namespace
	return &call{endpoint: e, ctx: ctx, state: state, info: &info, namespace: namespace}, nil
}
