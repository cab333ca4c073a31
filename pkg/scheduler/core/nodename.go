package core

var otherNode = &rejection{plugin: nodeNameName, reasons: []string{"node(s) didn't match the requested node name"}, final: true}

// nodeName is the NodeName plugin: a pod that names a node goes nowhere else. Such a pod
// does not reach the scheduler unless somebody asks what would be.
func nodeName(c *class, n *node) *rejection {
	if c.Spec.NodeName != "" && c.Spec.NodeName != n.Name {
		return otherNode
	}
	return nil
}
