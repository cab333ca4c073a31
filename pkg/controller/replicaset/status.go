package replicaset

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"slowmo/pkg/controller/control"
)

// statusOf computes a ReplicaSet's status from its active and its terminating pods, and
// from what went wrong with creating (missing > 0) or deleting (missing < 0)
// some. next is when a pod that is ready now will have become available; zero for none.
func statusOf(rs *appsv1.ReplicaSet, active []*v1.Pod, terminating int, missing int, failure error, now time.Time) (status appsv1.ReplicaSetStatus, next time.Duration) {
	leaving := int32(terminating)
	status = appsv1.ReplicaSetStatus{
		Replicas:            int32(len(active)),
		TerminatingReplicas: &leaving,
		ObservedGeneration:  rs.Generation,
		Conditions:          failureCondition(rs.Status.Conditions, missing, failure, now),
	}
	template := labels.Set(rs.Spec.Template.Labels).AsSelectorPreValidated()
	for _, pod := range active {
		if template.Matches(labels.Set(pod.Labels)) {
			status.FullyLabeledReplicas++
		}
		in, ready := control.AvailableIn(pod, time.Duration(rs.Spec.MinReadySeconds)*time.Second, now)
		switch {
		case !ready:
			continue
		case in == 0:
			status.AvailableReplicas++
		case next == 0 || in < next:
			next = in
		}
		status.ReadyReplicas++
	}
	return status, next
}

// onTheirWay says whether next tells no more than old but that there are more pods,
// which change it again in a moment, when they are ready.
func onTheirWay(old, next appsv1.ReplicaSetStatus) bool {
	return next.Replicas > old.Replicas && next.ReadyReplicas < next.Replicas &&
		next.ReadyReplicas == old.ReadyReplicas && next.AvailableReplicas == old.AvailableReplicas &&
		len(next.Conditions) == len(old.Conditions)
}

// failureCondition returns old with ReplicaFailure set or dropped. It stays as it
// was while the failure goes on, so that its time says when it began.
func failureCondition(old []appsv1.ReplicaSetCondition, missing int, failure error, now time.Time) []appsv1.ReplicaSetCondition {
	at := slices.IndexFunc(old, func(c appsv1.ReplicaSetCondition) bool { return c.Type == appsv1.ReplicaSetReplicaFailure })
	switch {
	case failure == nil && at < 0, failure != nil && at >= 0:
		return old
	case failure == nil:
		return slices.Delete(slices.Clone(old), at, at+1)
	}
	reason := "FailedCreate"
	if missing < 0 {
		reason = "FailedDelete"
	}
	return append(slices.Clone(old), appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: v1.ConditionTrue,
		Reason: reason, Message: failure.Error(), LastTransitionTime: metav1.NewTime(now),
	})
}
