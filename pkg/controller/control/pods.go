package control

import (
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Active says whether a pod counts as a replica: neither ended nor on its way out.
func Active(pod *v1.Pod) bool {
	return !Ended(pod) && pod.DeletionTimestamp == nil
}

// Ended says whether a pod's containers have all stopped for good.
func Ended(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}

// PodCondition returns a pod's condition of a type, shared with the pod, or nil.
func PodCondition(status *v1.PodStatus, kind v1.PodConditionType) *v1.PodCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// Ready says whether a pod's Ready condition is True.
func Ready(pod *v1.Pod) bool {
	condition := PodCondition(&pod.Status, v1.PodReady)
	return condition != nil && condition.Status == v1.ConditionTrue
}

// AvailableIn returns how long it is until a pod has been ready for minReady,
// zero if it has been, and false if it is not ready at all.
func AvailableIn(pod *v1.Pod, minReady time.Duration, now time.Time) (time.Duration, bool) {
	condition := PodCondition(&pod.Status, v1.PodReady)
	if condition == nil || condition.Status != v1.ConditionTrue {
		return 0, false
	}
	if minReady == 0 {
		return 0, true
	}
	if condition.LastTransitionTime.IsZero() {
		return minReady, true
	}
	return max(0, condition.LastTransitionTime.Add(minReady).Sub(now)), true
}

// ByNode is the name of the index of pods by the node that they are bound to.
const ByNode = "node"

// NodeIndex is the function of the index ByNode.
func NodeIndex(obj metav1.Object) []string {
	if pod, ok := obj.(*v1.Pod); ok && pod.Spec.NodeName != "" {
		return []string{pod.Spec.NodeName}
	}
	return nil
}
