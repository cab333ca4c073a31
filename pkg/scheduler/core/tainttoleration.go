package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

var (
	untolerated   = &rejection{plugin: taintTolerationName, reasons: []string{"node(s) had untolerated taint(s)"}, final: true}
	unschedulable = &rejection{plugin: nodeUnschedulableName, reasons: []string{"node(s) were unschedulable"}, final: true}
)

// numericTolerations is the gate TaintTolerationComparisonOperators (Lt, Gt), beta and on.
const numericTolerations = true

// nodeUnschedulable is the NodeUnschedulable plugin: spec.unschedulable counts as the
// taint of that name.
func nodeUnschedulable(c *class, n *node) *rejection {
	taint := v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}
	if n.Spec.Unschedulable && !tolerates(c.Spec.Tolerations, &taint) {
		return unschedulable
	}
	return nil
}

// taintToleration is the filter of the TaintToleration plugin
// (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/).
func taintToleration(c *class, n *node) *rejection {
	for i := range n.Spec.Taints {
		taint := &n.Spec.Taints[i]
		if taint.Effect != v1.TaintEffectPreferNoSchedule && !tolerates(c.Spec.Tolerations, taint) {
			return untolerated
		}
	}
	return nil
}

// intolerablePreferences is its raw score: the fewer, the better.
func intolerablePreferences(c *class, n *node) int64 {
	var count int64
	for i := range n.Spec.Taints {
		taint := &n.Spec.Taints[i]
		if taint.Effect == v1.TaintEffectPreferNoSchedule && !tolerates(preferNoSchedule(c.Spec.Tolerations), taint) {
			count++
		}
	}
	return count
}

// preferNoSchedule returns the tolerations that can concern that effect.
func preferNoSchedule(all []v1.Toleration) []v1.Toleration {
	var list []v1.Toleration
	for _, t := range all {
		if t.Effect == "" || t.Effect == v1.TaintEffectPreferNoSchedule {
			list = append(list, t)
		}
	}
	return list
}

func tolerates(tolerations []v1.Toleration, taint *v1.Taint) bool {
	return corev1.TolerationsTolerateTaint(klog.Logger{}, tolerations, taint, numericTolerations)
}
