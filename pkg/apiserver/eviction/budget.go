package eviction

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"slowmo/pkg/api"
	"slowmo/pkg/api/policy"
	"slowmo/pkg/storage"
)

// maxDisrupted bounds the pods that a budget's status names: their evictions
// have not been seen by its controller yet.
const maxDisrupted = 2000

// budgetsOf returns the budgets whose selector the pod matches.
func (e *eviction) budgetsOf(pod *corev1.Pod) (budgets []*policyv1.PodDisruptionBudget, err error) {
	page, err := e.Store.Collection(policy.PodDisruptionBudget).List(e.ctx, storage.ListOptions{Namespace: pod.Namespace})
	if err != nil {
		return nil, err
	}
	for _, record := range page.Records {
		obj, err := record.Object()
		if err != nil {
			return nil, err
		}
		budget := obj.(*policyv1.PodDisruptionBudget)
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod.Labels)) {
			budgets = append(budgets, budget)
		}
	}
	return budgets, nil
}

// freeOfCharge says whether a pod that is not ready may go without the budget
// getting smaller: it counts as disrupted anyway.
func freeOfCharge(budget *policyv1.PodDisruptionBudget) bool {
	if p := budget.Spec.UnhealthyPodEvictionPolicy; p != nil && *p == policyv1.AlwaysAllow {
		return true
	}
	return budget.Status.CurrentHealthy >= budget.Status.DesiredHealthy && budget.Status.DesiredHealthy > 0
}

// charge takes one disruption off the budget and notes the pod, guarded: of two
// evictions at once the second finds what the first has left.
func (e *eviction) charge(budget *policyv1.PodDisruptionBudget, pod string) error {
	if e.rehearsed() {
		return e.spend(budget.DeepCopy(), pod)
	}
	return e.UpdateBudget(e.ctx, budget.Namespace, budget.Name, func(present *policyv1.PodDisruptionBudget) error {
		return e.spend(present, pod)
	})
}

// spend changes the budget's status, or returns why it must not.
func (e *eviction) spend(budget *policyv1.PodDisruptionBudget, pod string) error {
	status := &budget.Status
	switch {
	case status.ObservedGeneration < budget.Generation:
		return stillProcessed(budget.Name)
	case status.DisruptionsAllowed < 0:
		return forbidden(budget.Name, "pdb disruptions allowed is negative", "pdb disruptions allowed is negative")
	case len(status.DisruptedPods) > maxDisrupted:
		return forbidden(budget.Name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
			"too many pending evictions not confirmed by PDB controller")
	case status.DisruptionsAllowed == 0:
		return exhausted(budget)
	}
	status.DisruptionsAllowed--
	if status.DisruptionsAllowed == 0 {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: policyv1.DisruptionAllowedCondition,
			Status: metav1.ConditionFalse, Reason: policyv1.InsufficientPodsReason, ObservedGeneration: status.ObservedGeneration})
	}
	if status.DisruptedPods == nil {
		status.DisruptedPods = map[string]metav1.Time{}
	}
	status.DisruptedPods[pod] = api.Now(e.ctx)
	return nil
}

// stillProcessed: clients are told when to try again.
func stillProcessed(budget string) *apierrors.StatusError {
	return tooMany(fmt.Sprintf("The disruption budget %s is still being processed by the server.", budget), 10)
}

// forbidden: the budget is in no state to say.
func forbidden(budget, text, cause string) error {
	resource := schema.GroupResource{Group: policyv1.GroupName, Resource: "poddisruptionbudget"}
	err := apierrors.NewForbidden(resource, budget, errors.New(text))
	addCause(err, fmt.Sprintf("The disruption budget %s does not allow evicting pods currently: %s", budget, cause))
	return err
}

// exhausted: nobody knows when there will be room. Without a time client-go does
// not try again by itself but tells who asked.
func exhausted(budget *policyv1.PodDisruptionBudget) *apierrors.StatusError {
	condition := meta.FindStatusCondition(budget.Status.Conditions, policyv1.DisruptionAllowedCondition)
	explained := condition != nil && condition.Status == metav1.ConditionFalse && condition.Message != ""
	not := fmt.Sprintf("The disruption budget %s does not allow evicting pods currently", budget.Name)
	switch {
	case explained && condition.Reason == policyv1.SyncFailedReason: // then the numbers below mean nothing
		not += fmt.Sprintf(" because it failed sync: %s", condition.Message)
	case budget.Status.CurrentHealthy <= budget.Status.DesiredHealthy:
		not = fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
			budget.Name, budget.Status.DesiredHealthy, budget.Status.CurrentHealthy)
	case explained:
		not += fmt.Sprintf(" (%s): %s", condition.Reason, condition.Message)
	}
	return tooMany(not, 0)
}

func tooMany(cause string, retryAfter int) *apierrors.StatusError {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfter)
	addCause(err, cause)
	return err
}

func addCause(err *apierrors.StatusError, text string) {
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause, Message: text})
}
