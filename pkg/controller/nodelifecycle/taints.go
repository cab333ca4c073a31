package nodelifecycle

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conditionTaint is a taint that tells a condition of a node to the scheduler.
type conditionTaint struct {
	kind   v1.NodeConditionType
	status v1.ConditionStatus
	key    string
}

// byCondition are all of them
// (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-nodes-by-condition).
var byCondition = []conditionTaint{
	{v1.NodeReady, v1.ConditionFalse, v1.TaintNodeNotReady},
	{v1.NodeReady, v1.ConditionUnknown, v1.TaintNodeUnreachable},
	{v1.NodeMemoryPressure, v1.ConditionTrue, v1.TaintNodeMemoryPressure},
	{v1.NodeDiskPressure, v1.ConditionTrue, v1.TaintNodeDiskPressure},
	{v1.NodePIDPressure, v1.ConditionTrue, v1.TaintNodePIDPressure},
	{v1.NodeNetworkUnavailable, v1.ConditionTrue, v1.TaintNodeNetworkUnavailable},
}

// evicting are the taints that make pods leave a node that cannot run them.
var evicting = map[v1.ConditionStatus]string{
	v1.ConditionFalse:   v1.TaintNodeNotReady,
	v1.ConditionUnknown: v1.TaintNodeUnreachable,
}

// taintsOf returns the taints that a node should have: those that are others'
// business as they are, and those of its conditions. evict says whether pods may be
// made to leave it now if it is not ready; one that already does so goes on.
func taintsOf(node *v1.Node, evict bool, now time.Time) []v1.Taint {
	var want []v1.Taint
	for _, c := range byCondition {
		if have := condition(node, c.kind); have != nil && have.Status == c.status {
			want = append(want, v1.Taint{Key: c.key, Effect: v1.TaintEffectNoSchedule})
		}
	}
	if node.Spec.Unschedulable {
		want = append(want, v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule})
	}
	if key := evicting[readiness(node)]; key != "" && evict {
		want = append(want, v1.Taint{Key: key, Effect: v1.TaintEffectNoExecute})
	}
	var out []v1.Taint
	for _, have := range node.Spec.Taints {
		if !managed(have) {
			out = append(out, have)
		} else if i := slices.IndexFunc(want, func(w v1.Taint) bool { return have.MatchTaint(&w) }); i >= 0 {
			out = append(out, have) // with the time at which it was added
			want = slices.Delete(want, i, i+1)
		}
	}
	at := metav1.NewTime(now)
	for _, taint := range want {
		taint.TimeAdded = &at
		out = append(out, taint)
	}
	return out
}

// managed says whether a taint is this controller's.
func managed(taint v1.Taint) bool {
	switch taint.Effect {
	case v1.TaintEffectNoSchedule:
		return taint.Key == v1.TaintNodeUnschedulable ||
			slices.ContainsFunc(byCondition, func(c conditionTaint) bool { return c.key == taint.Key })
	case v1.TaintEffectNoExecute:
		return taint.Key == v1.TaintNodeNotReady || taint.Key == v1.TaintNodeUnreachable
	}
	return false
}

// hasEvicting says whether a node's pods are being made to leave.
func hasEvicting(node *v1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t v1.Taint) bool { return t.Effect == v1.TaintEffectNoExecute && managed(t) })
}
