package rest

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
	"slowmo/pkg/storage"
)

// eviction is a delete of a pod that first asks the budget of the pod's
// application (budget.go).
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
type eviction struct {
	*call
	options *metav1.DeleteOptions
	name    string
}

// evict answers POST pods/NAME/eviction.
func (h *Handler) evict(ctx context.Context, namespace, name string, body api.Object) (runtime.Object, error) {
	asked, ok := body.(*policyv1.Eviction)
	if !ok || asked.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	options := asked.DeleteOptions
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	c, err := h.onPod(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	answer, err := (&eviction{call: c, options: options, name: name}).run()
	return answer, c.apiError(err)
}

// shareDryRun gives an eviction's options what the request says of a dry run.
// Where both say something, it must be the same.
func shareDryRun(body api.Object, asked []string) error {
	evicted, ok := body.(*policyv1.Eviction)
	if !ok || len(asked) == 0 {
		return nil
	}
	if evicted.DeleteOptions == nil {
		evicted.DeleteOptions = &metav1.DeleteOptions{}
	}
	switch own := evicted.DeleteOptions.DryRun; {
	case len(own) == 0:
		evicted.DeleteOptions.DryRun = asked
	case !slices.Equal(own, asked):
		//lint:ignore ST1005 upstream's words, which clients show
		return fmt.Errorf("Non-matching dry-run options in request and content: %v and %v", asked, own)
	}
	return nil
}

func (e *eviction) run() (runtime.Object, error) {
	record, err := e.collection.Get(e.ctx, e.namespace, e.name, storage.Consistent)
	if err != nil {
		return nil, err
	}
	obj, err := record.Object()
	if err != nil {
		return nil, err
	}
	pod := obj.(*corev1.Pod)
	if unprotected(pod) {
		if pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil && !e.pinned() {
			e.pin(pod) // it must not have come to life meanwhile
		}
		return success(201), e.delete()
	}
	budgets, err := e.budgetsOf(pod)
	switch {
	case err != nil:
		return nil, err
	case len(budgets) > 1:
		return &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: 500,
			Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."}, nil
	case len(budgets) == 0:
		return success(201), e.delete()
	}
	return success(201), e.within(budgets[0], pod)
}

// within evicts the pod if its budget allows that. One that is not ready may go
// without being charged, as long as it stays so.
func (e *eviction) within(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod) error {
	if isReady(pod) || !freeOfCharge(budget) {
		if err := e.charge(budget, pod.Name); err != nil {
			return err
		}
		return e.delete()
	}
	pinned := e.pinned()
	if !pinned {
		e.pin(pod)
	}
	err := e.delete()
	if apierrors.IsConflict(err) && !pinned {
		return stillProcessed(budget.Name)
	}
	return err
}

// delete says in the pod's status why it goes, and deletes it.
func (e *eviction) delete() error {
	d := &deletion{call: e.call, options: e.options, name: e.name}
	if dryRun(e.options.DryRun) {
		return e.apiError(d.run())
	}
	marked, err := e.collection.Modify(e.ctx, e.namespace, e.name, func(current api.Object) (api.Object, error) {
		if current == nil {
			return nil, storage.ErrNotFound
		}
		if err := d.checkPreconditions(current); err != nil {
			return nil, err
		}
		pod := current.DeepCopyObject().(*corev1.Pod)
		e.markTarget(pod)
		return pod, nil
	})
	if err != nil {
		return e.apiError(err)
	}
	if e.pinned() {
		obj, err := marked.Object()
		if err != nil {
			return err
		}
		e.pin(obj.(*corev1.Pod))
		d.options = e.options
	}
	return e.apiError(d.run())
}

func (e *eviction) markTarget(pod *corev1.Pod) {
	condition := corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue,
		Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting", LastTransitionTime: api.Now(e.ctx)}
	for i := range pod.Status.Conditions {
		if present := &pod.Status.Conditions[i]; present.Type == condition.Type {
			if present.Status == condition.Status {
				condition.LastTransitionTime = present.LastTransitionTime
			}
			*present = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

// pinned says whether only one revision of the pod is to be deleted.
func (e *eviction) pinned() bool {
	return e.options.Preconditions != nil && e.options.Preconditions.ResourceVersion != nil
}

func (e *eviction) pin(pod *corev1.Pod) {
	options := e.options.DeepCopy()
	if options.Preconditions == nil {
		options.Preconditions = &metav1.Preconditions{}
	}
	version := pod.ResourceVersion
	options.Preconditions.ResourceVersion = &version
	e.options = options
}

// unprotected says whether a budget has nothing to lose with the pod.
func unprotected(pod *corev1.Pod) bool {
	switch pod.Status.Phase {
	case corev1.PodSucceeded, corev1.PodFailed, corev1.PodPending:
		return true
	}
	return pod.DeletionTimestamp != nil
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
