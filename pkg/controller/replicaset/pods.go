package replicaset

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control"
)

// newPod builds a pod of rs. The server completes its name.
func newPod(rs *appsv1.ReplicaSet) *v1.Pod {
	template := &rs.Spec.Template
	prefix := rs.Name + "-"
	if len(validation.NameIsDNSSubdomain(prefix, true)) > 0 {
		prefix = rs.Name
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName:    prefix,
			Namespace:       rs.Namespace,
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, kind)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
}

// victims chooses which n of the pods to delete, given how many pods of the same
// Deployment share each node. The order is upstream's: what serves least and was
// started last goes first.
func victims(pods []*v1.Pod, n int, onNode map[string]int, now time.Time) []*v1.Pod {
	if n >= len(pods) {
		return pods
	}
	pods = slices.Clone(pods)
	slices.SortStableFunc(pods, func(a, b *v1.Pod) int { return lessWorth(a, b, onNode, now) })
	return pods[:n]
}

// lessWorth orders the pod to delete first before the other.
func lessWorth(a, b *v1.Pod, onNode map[string]int, now time.Time) int {
	if c := cmp.Or(
		falseFirst(a.Spec.NodeName != "", b.Spec.NodeName != ""),
		cmp.Compare(phaseRank(a), phaseRank(b)),
		falseFirst(control.Ready(a), control.Ready(b)),
		cmp.Compare(deletionCost(a), deletionCost(b)),
		cmp.Compare(onNode[b.Spec.NodeName], onNode[a.Spec.NodeName]),
	); c != 0 {
		return c
	}
	if control.Ready(a) && control.Ready(b) {
		if c := younger(readySince(a), readySince(b), now, a, b); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(restarts(b), restarts(a)); c != 0 {
		return c
	}
	return younger(a.CreationTimestamp.Time, b.CreationTimestamp.Time, now, a, b)
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func phaseRank(pod *v1.Pod) int {
	return map[v1.PodPhase]int{v1.PodPending: 0, v1.PodUnknown: 1, v1.PodRunning: 2}[pod.Status.Phase]
}

// deletionCost reads controller.kubernetes.io/pod-deletion-cost (KEP-2255); none,
// or what the API would refuse, is 0.
func deletionCost(pod *v1.Pod) int32 {
	text := pod.Annotations[v1.PodDeletionCost]
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || text != strconv.FormatInt(n, 10) {
		return 0
	}
	return int32(n)
}

func readySince(pod *v1.Pod) time.Time {
	return control.PodCondition(&pod.Status, v1.PodReady).LastTransitionTime.Time
}

func restarts(pod *v1.Pod) (most int32) {
	for _, status := range pod.Status.ContainerStatuses {
		most = max(most, status.RestartCount)
	}
	return most
}

// younger puts the later of two times first, but only when their ages differ by
// an order of magnitude; else the uid decides, which is as good as chance. So pods
// of many ages go, not just the newest zone's (KEP-2185).
func younger(a, b, now time.Time, podA, podB *v1.Pod) int {
	switch {
	case a.Equal(b):
		return 0
	case a.IsZero() || b.IsZero():
		return falseFirst(!a.IsZero(), !b.IsZero())
	}
	if c := cmp.Compare(ageRank(now.Sub(a)), ageRank(now.Sub(b))); c != 0 {
		return c
	}
	return cmp.Compare(podA.UID, podB.UID)
}

func ageRank(age time.Duration) int64 {
	if age <= 0 {
		return 0
	}
	return int64(math.Log2(float64(age)))
}
