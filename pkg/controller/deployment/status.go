package deployment

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The reasons of a Deployment's conditions that are written in more than one place.
const (
	reasonAvailable   = "NewReplicaSetAvailable"
	reasonTimedOut    = "ProgressDeadlineExceeded"
	reasonCreateError = "ReplicaSetCreateError"
	reasonPaused      = "DeploymentPaused"
)

// counts computes the numbers of a Deployment's status and its Available
// condition. The other conditions are those that it had.
func counts(d *appsv1.Deployment, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet, now time.Time) appsv1.DeploymentStatus {
	all := withNew(old, rs)
	status := appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation,
		CollisionCount:     d.Status.CollisionCount,
		Conditions:         slices.Clone(d.Status.Conditions),
	}
	for _, rs := range all {
		status.Replicas += rs.Status.Replicas
		status.ReadyReplicas += rs.Status.ReadyReplicas
		status.AvailableReplicas += rs.Status.AvailableReplicas
	}
	if rs != nil {
		status.UpdatedReplicas = rs.Status.Replicas
	}
	status.UnavailableReplicas = max(0, specReplicas(all)-status.AvailableReplicas)
	status.TerminatingReplicas = terminating(all)
	if status.AvailableReplicas >= *d.Spec.Replicas-maxUnavailable(d) {
		setCondition(&status, now, appsv1.DeploymentAvailable, v1.ConditionTrue,
			"MinimumReplicasAvailable", "Deployment has minimum availability.")
	} else {
		setCondition(&status, now, appsv1.DeploymentAvailable, v1.ConditionFalse,
			"MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
	}
	return status
}

// terminating adds up what the ReplicaSets report; one that reports nothing makes the
// sum unknown.
func terminating(all []*appsv1.ReplicaSet) *int32 {
	var sum int32
	for _, rs := range all {
		if rs.Status.TerminatingReplicas == nil {
			return nil
		}
		sum += *rs.Status.TerminatingReplicas
	}
	return &sum
}

// progress brings the Progressing and ReplicaFailure conditions of status up to
// date with a rollout under way.
func progress(d *appsv1.Deployment, status *appsv1.DeploymentStatus, old []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet, now time.Time) {
	current := condition(&d.Status, appsv1.DeploymentProgressing)
	if !hasDeadline(d) {
		dropCondition(status, appsv1.DeploymentProgressing)
	} else if done := status.Replicas == status.UpdatedReplicas && current != nil && current.Reason == reasonAvailable; !done {
		subject := fmt.Sprintf("Deployment %q", d.Name)
		if rs != nil {
			subject = fmt.Sprintf("ReplicaSet %q", rs.Name)
		}
		switch {
		case complete(d, status):
			setCondition(status, now, appsv1.DeploymentProgressing, v1.ConditionTrue, reasonAvailable, subject+" has successfully progressed.")
		case progressed(&d.Status, status):
			touchCondition(status, now, appsv1.DeploymentProgressing, v1.ConditionTrue, "ReplicaSetUpdated", subject+" is progressing.")
		case timedOut(d, now):
			setCondition(status, now, appsv1.DeploymentProgressing, v1.ConditionFalse, reasonTimedOut, subject+" has timed out progressing.")
		}
	}
	if failure := replicaFailure(withNew(old, rs), rs); failure != nil {
		setCondition(status, now, appsv1.DeploymentReplicaFailure, failure.Status, failure.Reason, failure.Message)
	} else {
		dropCondition(status, appsv1.DeploymentReplicaFailure)
	}
}

// replicaFailure is what keeps a ReplicaSet from having its pods, the new one's first.
func replicaFailure(all []*appsv1.ReplicaSet, rs *appsv1.ReplicaSet) *appsv1.ReplicaSetCondition {
	if rs != nil {
		all = append([]*appsv1.ReplicaSet{rs}, all...)
	}
	for _, rs := range all {
		for i := range rs.Status.Conditions {
			if rs.Status.Conditions[i].Type == appsv1.ReplicaSetReplicaFailure {
				return &rs.Status.Conditions[i]
			}
		}
	}
	return nil
}

// noticePause records that a rollout was paused or resumed, which starts its
// deadline anew. A rollout that has failed stays so.
func noticePause(d *appsv1.Deployment, status *appsv1.DeploymentStatus, now time.Time) {
	current := condition(&d.Status, appsv1.DeploymentProgressing)
	if !hasDeadline(d) || current != nil && current.Reason == reasonTimedOut {
		return
	}
	was := current != nil && current.Reason == reasonPaused
	switch {
	case d.Spec.Paused && !was:
		setCondition(status, now, appsv1.DeploymentProgressing, v1.ConditionUnknown, reasonPaused, "Deployment is paused")
	case !d.Spec.Paused && was:
		setCondition(status, now, appsv1.DeploymentProgressing, v1.ConditionUnknown, "DeploymentResumed", "Deployment is resumed")
	}
}

// complete says whether the rollout to the present spec has ended well.
func complete(d *appsv1.Deployment, status *appsv1.DeploymentStatus) bool {
	want := *d.Spec.Replicas
	return status.UpdatedReplicas == want && status.Replicas == want &&
		status.AvailableReplicas == want && status.ObservedGeneration >= d.Generation
}

// progressed says whether anything moved in the rollout's direction since old.
func progressed(old, next *appsv1.DeploymentStatus) bool {
	return next.UpdatedReplicas > old.UpdatedReplicas ||
		next.Replicas-next.UpdatedReplicas < old.Replicas-old.UpdatedReplicas ||
		next.ReadyReplicas > old.ReadyReplicas || next.AvailableReplicas > old.AvailableReplicas
}

// hasDeadline says whether the rollout may be declared failed: the largest number
// stands for never.
func hasDeadline(d *appsv1.Deployment) bool {
	return d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != 1<<31-1
}

func deadline(d *appsv1.Deployment, since metav1.Time) time.Time {
	return since.Add(time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second)
}

func timedOut(d *appsv1.Deployment, now time.Time) bool {
	current := condition(&d.Status, appsv1.DeploymentProgressing)
	switch {
	case current == nil || current.Reason == reasonAvailable:
		return false
	case current.Reason == reasonTimedOut:
		return true
	}
	return deadline(d, current.LastUpdateTime).Before(now)
}

// recheck is when to look at the deadline again although nothing happens; zero
// for never.
func recheck(d *appsv1.Deployment, status *appsv1.DeploymentStatus, now time.Time) time.Duration {
	current := condition(status, appsv1.DeploymentProgressing)
	if !hasDeadline(d) || d.Spec.Paused || current == nil || complete(d, status) || current.Reason == reasonTimedOut {
		return 0
	}
	// Times on the wire are whole seconds: one more makes sure it is past.
	return max(time.Second, deadline(d, current.LastUpdateTime).Sub(now)+time.Second)
}

func condition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// setCondition sets a condition unless it has that status and reason already.
func setCondition(status *appsv1.DeploymentStatus, now time.Time, kind appsv1.DeploymentConditionType, value v1.ConditionStatus, reason, message string) {
	if current := condition(status, kind); current == nil || current.Status != value || current.Reason != reason {
		touchCondition(status, now, kind, value, reason, message)
	}
}

// touchCondition sets a condition and its update time whatever it was. The
// transition time moves only with the value. The condition moves to the end.
func touchCondition(status *appsv1.DeploymentStatus, now time.Time, kind appsv1.DeploymentConditionType, value v1.ConditionStatus, reason, message string) {
	next := appsv1.DeploymentCondition{
		Type: kind, Status: value, Reason: reason, Message: message,
		LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	}
	if current := condition(status, kind); current != nil && current.Status == value {
		next.LastTransitionTime = current.LastTransitionTime
	}
	dropCondition(status, kind)
	status.Conditions = append(status.Conditions, next)
}

func dropCondition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) {
	var kept []appsv1.DeploymentCondition
	for _, c := range status.Conditions {
		if c.Type != kind {
			kept = append(kept, c)
		}
	}
	status.Conditions = kept
}
