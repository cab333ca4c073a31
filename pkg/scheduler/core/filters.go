package core

// rejection says why a node cannot take a pod.
type rejection struct {
	plugin  string
	reasons []string
	// final: no preemption on the node could change the answer.
	final bool
}

// Plugin names, as upstream has them.
const (
	nodeUnschedulableName = "NodeUnschedulable"
	nodeNameName          = "NodeName"
	taintTolerationName   = "TaintToleration"
	nodeAffinityName      = "NodeAffinity"
	nodePortsName         = "NodePorts"
	nodeResourcesFitName  = "NodeResourcesFit"
	podTopologySpreadName = "PodTopologySpread"
	interPodAffinityName  = "InterPodAffinity"
)

// localFilter judges one node by itself: nil means that it can take the pods of c.
type localFilter func(c *class, n *node) *rejection

// localFilters run in this order; the first that refuses gives the reason.
var localFilters = []localFilter{
	resourceClaims,
	pinnedElsewhere,
	nodeUnschedulable,
	nodeName,
	taintToleration,
	nodeAffinity,
	nodePorts,
	nodeResourcesFit,
}

// refusal returns the answer of the first local filter that refuses, or nil.
func (c *class) refusal(n *node) *rejection {
	for _, filter := range localFilters {
		if r := filter(c, n); r != nil {
			return r
		}
	}
	return nil
}
