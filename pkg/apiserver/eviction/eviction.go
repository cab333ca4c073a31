// Package eviction deletes pods for those who want a node empty or a pod elsewhere,
// and asks the budget of the pod's application first.
//
// eviction.go is the way of one eviction; budget.go is what budgets say and how one is
// charged: guarded, so that two evictions at once never spend the same disruption.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
package eviction

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/core"
	"slowmo/pkg/api/core/pod"
	"slowmo/pkg/storage"
)

// Evictor answers POST pods/NAME/eviction. Its fields are required.
type Evictor struct {
	Store *storage.Store
	// Delete deletes a pod as a request to delete it does.
	Delete func(ctx context.Context, namespace, name string, options *metav1.DeleteOptions) error
	// UpdateBudget changes the status of a budget, guarded, in the server's name.
	UpdateBudget func(ctx context.Context, namespace, name string, change func(*policyv1.PodDisruptionBudget) error) error
}

// eviction is that of one pod.
type eviction struct {
	*Evictor
	ctx             context.Context
	namespace, name string
	options         *metav1.DeleteOptions
}

// Create evicts the pod that body, a *policyv1.Eviction, names. dryRun is what the
// request says of it.
func (e *Evictor) Create(ctx context.Context, namespace, name string, body api.Object, dryRun []string) (runtime.Object, error) {
	asked, ok := body.(*policyv1.Eviction)
	if !ok || asked.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	options := asked.DeleteOptions
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	if ptr.Deref(options.IgnoreStoreReadErrorWithClusterBreakingPotential, false) {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: policyv1.GroupName, Kind: "Eviction"}, name, field.ErrorList{
			field.Invalid(field.NewPath("deleteOptions", "ignoreStoreReadErrorWithClusterBreakingPotential"), true, "can not be set for pod eviction, try after removing the option")})
	}
	if err := shareDryRun(options, dryRun); err != nil {
		return nil, err
	}
	return (&eviction{Evictor: e, ctx: ctx, namespace: namespace, name: name, options: options}).run()
}

// shareDryRun gives an eviction's options what the request says of a dry run.
// Where both say something, it must be the same.
func shareDryRun(options *metav1.DeleteOptions, asked []string) error {
	switch own := options.DryRun; {
	case len(asked) == 0:
	case len(own) == 0:
		options.DryRun = asked
	case !slices.Equal(own, asked):
		//lint:ignore ST1005 upstream's words, which clients show
		return fmt.Errorf("Non-matching dry-run options in request and content: %v and %v", asked, own)
	}
	return nil
}

func (e *eviction) run() (runtime.Object, error) {
	pod, err := e.pod()
	if err != nil {
		return nil, err
	}
	if unprotected(pod) {
		if pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil && !e.pinned() {
			e.pin(pod) // it must not have come to life meanwhile
		}
		return success(), e.delete()
	}
	budgets, err := e.budgetsOf(pod)
	switch {
	case err != nil:
		return nil, err
	case len(budgets) > 1:
		return &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: 500,
			Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."}, nil
	case len(budgets) == 0:
		return success(), e.delete()
	}
	return success(), e.within(budgets[0], pod)
}

// pod returns the pod as it is at present.
func (e *eviction) pod() (*corev1.Pod, error) {
	record, err := e.pods().Get(e.ctx, e.namespace, e.name, storage.Consistent)
	if err != nil {
		return nil, e.notFound(err)
	}
	obj, err := record.Object()
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Pod), nil
}

func (e *eviction) pods() *storage.Collection { return e.Store.Collection(core.Pod) }

func (e *eviction) notFound(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return apierrors.NewNotFound(core.Pod.GroupResource(), e.name)
	}
	return err
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
	if e.rehearsed() {
		return e.Delete(e.ctx, e.namespace, e.name, e.options)
	}
	marked, err := e.pods().Modify(e.ctx, e.namespace, e.name, func(current api.Object) (api.Object, error) {
		if current == nil {
			return nil, storage.ErrNotFound
		}
		if err := e.checkPreconditions(current); err != nil {
			return nil, err
		}
		pod := current.DeepCopyObject().(*corev1.Pod)
		e.markTarget(pod)
		return pod, nil
	})
	if err != nil {
		return e.notFound(err)
	}
	if e.pinned() {
		obj, err := marked.Object()
		if err != nil {
			return err
		}
		e.pin(obj.(*corev1.Pod))
	}
	return e.Delete(e.ctx, e.namespace, e.name, e.options)
}

func (e *eviction) rehearsed() bool { return slices.Contains(e.options.DryRun, metav1.DryRunAll) }

// checkPreconditions refuses to mark another pod than the one that is meant.
func (e *eviction) checkPreconditions(current api.Object) error {
	wanted, resource := e.options.Preconditions, schema.GroupResource{Resource: "Pod"}
	if wanted == nil {
		return nil
	}
	if uid := wanted.UID; uid != nil && *uid != "" && *uid != current.GetUID() {
		return apierrors.NewConflict(resource, e.name,
			fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *uid, current.GetUID()))
	}
	if version := wanted.ResourceVersion; version != nil && *version != "" && *version != current.GetResourceVersion() {
		return apierrors.NewConflict(resource, e.name,
			fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *version, current.GetResourceVersion()))
	}
	return nil
}

func (e *eviction) markTarget(target *corev1.Pod) {
	pod.SetCondition(target, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue,
		Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting", LastTransitionTime: api.Now(e.ctx)})
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

func success() *metav1.Status {
	return &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: http.StatusCreated}
}
