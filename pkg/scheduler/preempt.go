package scheduler

import (
	"context"
	"log/slog"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/scheduler/core"
)

// preempt asks the pods to go that are in the way of a more important one, and returns the node that is
// nominated for it, or "". Budgets are read here, for the few decisions that need
// them, instead of being watched.
func (s *Scheduler) preempt(ctx context.Context, pod *core.Pod) string {
	way := s.nominate(pod, s.budgets(ctx))
	if way.Node == "" {
		return ""
	}
	s.metrics.preemption.Inc()
	s.metrics.victims.Observe(float64(len(way.Victims)))
	for _, victim := range way.Victims {
		s.evict(ctx, pod.Pod, victim, way.Node)
	}
	return way.Node
}

// nominate decides once more, now with budgets, and keeps the room for the pod. The world may have
// changed since the decision that led here: a pod that fits now is left to the queue.
func (s *Scheduler) nominate(pod *core.Pod, budgets []core.Budget) core.Preemption {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.items[pod.UID] == nil || s.snapshot.Decide(pod).Node != "" {
		return core.Preemption{}
	}
	way := s.snapshot.Preempt(pod, budgets)
	if way.Node != "" {
		s.snapshot.SetNominated(pod, way.Node)
	}
	return way
}

func (s *Scheduler) budgets(ctx context.Context) []core.Budget {
	list, err := s.client.PolicyV1().PodDisruptionBudgets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		if !apierrors.IsNotFound(err) {
			slog.Warn("Disruption budgets could not be read and are not spared", "err", err)
		}
		return nil
	}
	var budgets []core.Budget
	for i := range list.Items {
		if b, ok := core.NewBudget(&list.Items[i]); ok {
			budgets = append(budgets, b)
		}
	}
	return budgets
}

// evict says on the victim why it goes, and deletes it.
func (s *Scheduler) evict(ctx context.Context, pod, victim *v1.Pod, node string) {
	condition := v1.PodCondition{
		Type:               v1.DisruptionTarget,
		Status:             v1.ConditionTrue,
		Reason:             v1.PodReasonPreemptionByScheduler,
		Message:            s.config.SchedulerName + ": preempting to accommodate a higher priority pod",
		ObservedGeneration: victim.Generation,
		LastTransitionTime: metav1.Now(),
	}
	s.patchStatus(ctx, victim, map[string]any{"conditions": []v1.PodCondition{condition}})
	uid := victim.UID
	err := s.client.CoreV1().Pods(victim.Namespace).Delete(ctx, victim.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil {
		if !apierrors.IsNotFound(err) && ctx.Err() == nil {
			slog.Warn("A pod in the way could not be deleted", "pod", podName(victim), "err", err)
		}
		return
	}
	s.recorder.Eventf(victim, pod, v1.EventTypeNormal, "Preempted", "Preempting", "Preempted by pod %v on node %v", pod.UID, node)
}
