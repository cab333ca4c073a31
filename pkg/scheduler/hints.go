package scheduler

import (
	"time"

	"slowmo/pkg/component/cause"
)

// change is what can happen to the state that decisions are made from.
type change uint

const (
	nodeAdded change = 1 << iota // or changed in a way that matters
	nodeGone                     // and its domains with it
	podPlaced                    // a pod has a node now
	podGone                      // or takes less, or has other labels
	namespaceChanged
)

// helps says after which changes a plugin's refusal is worth asking about again. One that is
// not listed is asked after every change.
var helps = map[string]change{
	"NodeUnschedulable": nodeAdded,
	"NodeName":          nodeAdded,
	"TaintToleration":   nodeAdded,
	"NodeAffinity":      nodeAdded,
	"NodePorts":         nodeAdded | podGone,
	"NodeResourcesFit":  nodeAdded | podGone,
	"PodTopologySpread": nodeAdded | nodeGone | podPlaced | podGone,
	"InterPodAffinity":  nodeAdded | podPlaced | podGone | namespaceChanged,
}

// acrossNodes are the plugins that a change on one node can satisfy on another.
var acrossNodes = map[string]bool{"PodTopologySpread": true, "InterPodAffinity": true}

// happened wakes the pods that could be placed after a change on the named node ("" when it is
// on none). A pod that only looks at single nodes is woken only if that node would now
// take it. The caller holds the lock.
func (s *Scheduler) happened(what change, node string, because cause.Ref) {
	if len(s.queue.items) == 0 {
		return
	}
	woken := s.queue.wakeWhere(time.Now(), func(it *item) bool {
		local, global := false, len(it.refusedBy) == 0
		for _, plugin := range it.refusedBy {
			on, listed := helps[plugin]
			if listed && on&what == 0 {
				continue
			}
			if acrossNodes[plugin] || !listed {
				global = true
			}
			local = true
		}
		return global || local && node != "" && s.snapshot.Suits(it.pod, node)
	}, because)
	if woken > 0 {
		s.metrics.incoming.WithLabelValues("active", what.String()).Add(float64(woken))
	}
}

// String is the event label of scheduler_queue_incoming_pods_total.
func (c change) String() string {
	switch c {
	case nodeAdded:
		return "NodeAddOrUpdate"
	case nodeGone:
		return "NodeDelete"
	case podPlaced:
		return "AssignedPodAdd"
	case podGone:
		return "AssignedPodDelete"
	}
	return "NamespaceUpdate"
}
