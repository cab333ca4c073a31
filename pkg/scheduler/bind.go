package scheduler

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/scheduler/core"
)

// caused returns a context whose writes are caused by what woke the pod, the pod and the node.
func (s *Scheduler) caused(ctx context.Context, it *item, node string) context.Context {
	refs := it.because.With(cause.Of(it.pod, "pods"))
	if node != "" {
		refs = refs.With(cause.Ref{Resource: "nodes", Name: node, ResourceVersion: s.nodeVersions[node]})
	}
	return cause.With(ctx, refs...)
}

// bind tells the API server where the pod goes
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/binding-v1/).
func (s *Scheduler) bind(ctx context.Context, it *item, bound *v1.Pod) {
	start := time.Now()
	binding := &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: bound.Namespace, Name: bound.Name, UID: bound.UID},
		Target:     v1.ObjectReference{Kind: "Node", Name: bound.Spec.NodeName},
	}
	err := s.client.CoreV1().Pods(bound.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
	s.metrics.extension("Bind", err, start)
	if err != nil {
		s.unassume(ctx, it, err)
		return
	}
	s.metrics.bound(it)
	slog.Debug("Bound", "pod", podName(bound), "node", bound.Spec.NodeName)
	s.recorder.Eventf(bound, nil, v1.EventTypeNormal, "Scheduled", "Binding",
		"Successfully assigned %v/%v to %v", bound.Namespace, bound.Name, bound.Spec.NodeName)
}

// unassume takes back what assume did, after the API server refused the binding or could not be
// reached, and tries again unless the pod is gone or bound by somebody else.
func (s *Scheduler) unassume(ctx context.Context, it *item, err error) {
	current, gone := s.pods.Pods(it.pod.Namespace).Get(it.pod.Name)
	s.mu.Lock()
	defer s.unlock()
	if gone == nil && current.Spec.NodeName != "" { // the watch has put it where it is
		return
	}
	node := s.snapshot.NodeOf(it.pod.UID)
	s.snapshot.RemovePod(it.pod.UID)
	s.happened(podGone, node, cause.Of(it.pod, "pods"))
	if ctx.Err() != nil || gone != nil || current.UID != it.pod.UID || current.DeletionTimestamp != nil {
		return
	}
	slog.Warn("Binding failed", "pod", podName(current), "node", node, "err", err)
	s.metrics.attempt("error", time.Now())
	if parsed, err := core.Parse(current); err == nil {
		it.pod = parsed
	}
	s.queue.retry(it, time.Now())
	if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		s.recorder.Eventf(current, nil, v1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", "binding rejected: "+err.Error())
	}
}

// refused lets the pod wait, and returns the writes that say why or make room. The caller holds
// the lock.
func (s *Scheduler) refused(ctx context.Context, it *item, decision core.Decision) func() {
	s.queue.wait(it, decision.Plugins, time.Now())
	ctx = s.caused(ctx, it, "")
	pod := it.pod
	way := s.snapshot.Preempt(pod, nil)
	decision.Preemption = way.Why
	return func() {
		nominated := ""
		if way.Node != "" {
			nominated = s.preempt(ctx, pod)
		}
		s.report(ctx, pod.Pod, decision.String(), nominated)
	}
}

// report writes an event and, where it is not there already, the condition that say why a pod
// is not placed, and the node that is nominated for it, if one is.
func (s *Scheduler) report(ctx context.Context, pod *v1.Pod, message, nominated string) {
	s.recorder.Eventf(pod, nil, v1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", message)
	condition := v1.PodCondition{
		Type:               v1.PodScheduled,
		Status:             v1.ConditionFalse,
		Reason:             v1.PodReasonUnschedulable,
		Message:            message,
		ObservedGeneration: pod.Generation,
		LastTransitionTime: metav1.Now(),
	}
	for _, old := range pod.Status.Conditions {
		if old.Type != condition.Type {
			continue
		}
		if old.Status == condition.Status {
			condition.LastTransitionTime = old.LastTransitionTime
		}
		if old.Reason == condition.Reason && old.Message == condition.Message &&
			old.ObservedGeneration == condition.ObservedGeneration && nominated == "" {
			return
		}
	}
	status := map[string]any{"conditions": []v1.PodCondition{condition}}
	if nominated != "" {
		status["nominatedNodeName"] = nominated
	}
	s.patchStatus(ctx, pod, status)
}

// patchStatus merges status into that of the pod, if it is still the same one.
func (s *Scheduler) patchStatus(ctx context.Context, pod *v1.Pod, status map[string]any) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err == nil {
		_, err = s.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
		slog.Warn("A pod's status could not be written", "pod", podName(pod), "err", err)
	}
}
