package nodelifecycle

import (
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// heartbeats remembers when each node last gave a sign of life, by this process's
// clock: the clocks of the nodes are not to be trusted. It is safe for concurrent use.
type heartbeats struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func newHeartbeats() *heartbeats { return &heartbeats{last: map[string]time.Time{}} }

// seen notes a sign of life.
func (h *heartbeats) seen(node string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[node] = now
}

// silence is how long ago a node's last sign of life was. It begins when the node
// is first asked about.
func (h *heartbeats) silence(node string, now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.last[node]; !ok {
		h.last[node] = now
	}
	return now.Sub(h.last[node])
}

func (h *heartbeats) forget(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.last, node)
}

// beats says whether a change of a node's status is a sign of life: its kubelet
// posted a condition anew.
func beats(old, next *v1.Node) bool {
	return slices.ContainsFunc(next.Status.Conditions, func(c v1.NodeCondition) bool {
		was := condition(old, c.Type)
		return was == nil || !was.LastHeartbeatTime.Equal(&c.LastHeartbeatTime)
	})
}

// reported are the conditions that a kubelet posts.
var reported = []v1.NodeConditionType{v1.NodeReady, v1.NodeMemoryPressure, v1.NodeDiskPressure, v1.NodePIDPressure}

// silenced returns the conditions of a node of which nothing is heard any more.
func silenced(node *v1.Node, now time.Time) []v1.NodeCondition {
	out := slices.Clone(node.Status.Conditions)
	for _, kind := range reported {
		i := slices.IndexFunc(out, func(c v1.NodeCondition) bool { return c.Type == kind })
		switch {
		case i < 0:
			out = append(out, v1.NodeCondition{
				Type: kind, Status: v1.ConditionUnknown, Reason: "NodeStatusNeverUpdated",
				Message:           "Kubelet never posted node status.",
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: metav1.NewTime(now),
			})
		case out[i].Status != v1.ConditionUnknown:
			out[i].Status, out[i].Reason = v1.ConditionUnknown, "NodeStatusUnknown"
			out[i].Message = "Kubelet stopped posting node status."
			out[i].LastTransitionTime = metav1.NewTime(now)
		}
	}
	return out
}

func condition(node *v1.Node, kind v1.NodeConditionType) *v1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

// readiness is the status of a node's Ready condition; without one it is Unknown.
func readiness(node *v1.Node) v1.ConditionStatus {
	if c := condition(node, v1.NodeReady); c != nil {
		return c.Status
	}
	return v1.ConditionUnknown
}
