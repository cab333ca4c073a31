package core

import v1 "k8s.io/api/core/v1"

// port is a port that a pod takes on its node's own addresses.
type port struct {
	ip       string // "0.0.0.0" means all
	protocol v1.Protocol
	number   int32
}

const anyIP = "0.0.0.0"

var portsTaken = &rejection{plugin: nodePortsName, reasons: []string{"node(s) didn't have free ports for the requested pod ports"}}

// nodePorts is the NodePorts plugin: no two pods of a node share a host port.
func nodePorts(c *class, n *node) *rejection {
	if len(n.ports) == 0 {
		return nil
	}
	for _, wanted := range c.ports {
		if wanted.taken(n.ports) {
			return portsTaken
		}
	}
	return nil
}

// taken tells whether p collides with one of used: same port and protocol, and the
// same address or either on all addresses.
func (p port) taken(used map[port]int) bool {
	if p.ip != anyIP {
		return used[p] > 0 || used[port{anyIP, p.protocol, p.number}] > 0
	}
	for other := range used {
		if other.protocol == p.protocol && other.number == p.number {
			return true
		}
	}
	return false
}

// hostPorts lists the host ports of a pod's containers and sidecars.
func hostPorts(p *v1.Pod) []port {
	var list []port
	add := func(containers []v1.Container, wanted func(*v1.Container) bool) {
		for i := range containers {
			if !wanted(&containers[i]) {
				continue
			}
			for _, cp := range containers[i].Ports {
				if cp.HostPort <= 0 {
					continue
				}
				q := port{ip: cp.HostIP, protocol: cp.Protocol, number: cp.HostPort}
				if q.ip == "" {
					q.ip = anyIP
				}
				if q.protocol == "" {
					q.protocol = v1.ProtocolTCP
				}
				list = append(list, q)
			}
		}
	}
	add(p.Spec.Containers, func(*v1.Container) bool { return true })
	add(p.Spec.InitContainers, func(c *v1.Container) bool {
		return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
	})
	return list
}
