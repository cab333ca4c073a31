package nodelifecycle

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// The rates at which pods may be made to leave unready nodes, as upstream's
// defaults: --node-eviction-rate, --secondary-node-eviction-rate,
// --large-cluster-size-threshold and --unhealthy-zone-threshold.
const (
	evictEvery     = 10 * time.Second
	evictSlowly    = 100 * time.Second
	largeZone      = 50   // nodes; a smaller zone in trouble evicts none
	unhealthyShare = 0.55 // of a zone's nodes: above it the zone is in trouble
)

// zone counts the nodes of one failure domain.
type zone struct{ ready, unready int }

// zoneOf names a node's failure domain.
func zoneOf(node *v1.Node) string {
	return node.Labels[v1.LabelTopologyRegion] + "/" + node.Labels[v1.LabelTopologyZone]
}

func zonesOf(nodes []*v1.Node) map[string]zone {
	out := map[string]zone{}
	for _, node := range nodes {
		z := out[zoneOf(node)]
		if readiness(node) == v1.ConditionTrue {
			z.ready++
		} else {
			z.unready++
		}
		out[zoneOf(node)] = z
	}
	return out
}

// allDown says whether no node anywhere is ready. Then it is more likely that the
// nodes cannot reach the control plane than that all have died, and no pod is made
// to leave.
func allDown(zones map[string]zone) bool {
	for _, z := range zones {
		if z.ready > 0 {
			return false
		}
	}
	return true
}

// pace is the time between two nodes of the zone whose pods are made to leave;
// zero means that none are.
func (z zone) pace() time.Duration {
	switch total := z.ready + z.unready; {
	case z.unready <= 2 || z.ready == 0 || float64(z.unready)/float64(total) < unhealthyShare:
		return evictEvery
	case total > largeZone:
		return evictSlowly
	}
	return 0
}
