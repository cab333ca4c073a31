package rest

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core/pod"
	"slowmo/pkg/apiserver/eviction"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Actions of our own: another verb under another name. They answer with success.
var ownActions = map[string]func(w *write, name string, body api.Object) (runtime.Object, error){
	"bindings": (*write).bind, "pods/binding": (*write).bind, "pods/eviction": (*write).evict,
}

// bind gives a pod its node. A Binding in a namespace has the pod's name in its
// body, one of a pod's own in its path too.
func (w *write) bind(name string, body api.Object) (runtime.Object, error) {
	binding, ok := body.(*corev1.Binding)
	if !ok || w.sub != nil && binding.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := pod.ValidateBinding(binding); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	c, err := w.onPod(w.ctx, w.namespace, binding.Name)
	if err != nil {
		return nil, err
	}
	step := func(current api.Object) (api.Object, error) {
		if current == nil {
			return nil, storage.ErrNotFound
		}
		if err := c.checkMeant(w.dryRun, "UID", string(binding.UID), string(current.GetUID())); err != nil {
			return nil, err
		}
		if err := c.checkMeant(w.dryRun, "ResourceVersion", binding.ResourceVersion, current.GetResourceVersion()); err != nil {
			return nil, err
		}
		bound := current.DeepCopyObject().(*corev1.Pod)
		return bound, pod.Bind(w.ctx, bound, binding)
	}
	if w.dryRun {
		var present api.Object
		if present, err = c.present(); err == nil {
			_, err = step(present)
		}
	} else {
		_, err = c.collection.Modify(w.ctx, w.namespace, binding.Name, step)
	}
	return success(http.StatusCreated), c.apiError(err)
}

// evict deletes a pod if the budget of its application allows that.
func (w *write) evict(name string, body api.Object) (runtime.Object, error) {
	evictor := eviction.Evictor{Store: w.Store, Delete: w.deletePod, UpdateBudget: w.updateBudget}
	return evictor.Create(w.ctx, w.namespace, name, body, w.options.(*metav1.CreateOptions).DryRun)
}

// deletePod is a delete from within another request.
func (h *Handler) deletePod(ctx context.Context, namespace, name string, options *metav1.DeleteOptions) error {
	c, err := h.onPod(ctx, namespace, name)
	if err != nil {
		return err
	}
	if errs := validation.ValidateDeleteOptions(options); len(errs) > 0 {
		return invalidOptions("DeleteOptions", errs)
	}
	return c.apiError((&deletion{call: c, options: options, name: name}).run())
}

// updateBudget changes a budget's status, as a client in the server's own name
// would: by an update that says which state it is about.
func (h *Handler) updateBudget(ctx context.Context, namespace, name string, change func(*policyv1.PodDisruptionBudget) error) error {
	e := h.endpoints[endpointKey{policyv1.GroupName, "v1", "poddisruptionbudgets"}]
	if e == nil {
		return fmt.Errorf("no budgets are served")
	}
	c := e.from(ctx, namespace, name)
	c.sub = c.subs["status"]
	w := &write{call: c, options: &metav1.UpdateOptions{}, manager: "kube-apiserver"}
	m := &modification{write: w, edit: func(present api.Object) (api.Object, error) {
		return present, change(present.(*policyv1.PodDisruptionBudget))
	}}
	_, err := m.run()
	return c.apiError(err)
}

// onPod is a call to a pod from within another one.
func (h *Handler) onPod(ctx context.Context, namespace, name string) (*call, error) {
	e := h.endpoints[endpointKey{"", "v1", "pods"}]
	if e == nil {
		return nil, fmt.Errorf("no pods are served")
	}
	return e.from(ctx, namespace, name), nil
}

// from is a call to an endpoint from within another one.
func (e *endpoint) from(ctx context.Context, namespace, name string) *call {
	state := request.From(ctx)
	info := *state.Info
	info.Verb, info.Resource, info.Subresource, info.Name, info.Namespace = "update", e.resource.Plural, "", name, namespace
	return &call{endpoint: e, ctx: ctx, state: state, info: &info, namespace: namespace}
}
