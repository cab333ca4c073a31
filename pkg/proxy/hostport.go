package proxy

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// podFragment makes the host ports of a pod on this node, nil when it has none or no address.
func (s *settings) podFragment(pod *v1.Pod) *fragment {
	ip := s.podIP(pod)
	if ip == "" {
		return nil
	}
	f := newFragment()
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			for _, port := range list[i].Ports {
				s.hostPort(f, ip, &port)
			}
		}
	}
	if len(f.elements) == 0 {
		return nil
	}
	f.elements[element{hairpin, ip + " . " + ip}] = ""
	return f
}

func (s *settings) hostPort(f *fragment, ip string, port *v1.ContainerPort) {
	if port.HostPort == 0 {
		return
	}
	protocol := strings.ToLower(string(cmp.Or(port.Protocol, v1.ProtocolTCP)))
	key, value := fmt.Sprintf("%s . %d", protocol, port.HostPort), fmt.Sprintf("%s . %d", ip, port.ContainerPort)
	host, err := netip.ParseAddr(port.HostIP)
	switch {
	case err != nil || host.IsUnspecified():
		f.elements[element{hostPorts, key}] = value
	case s.family.has(port.HostIP):
		f.elements[element{hostPortIPs, host.String() + " . " + key}] = value
	}
}

// podIP returns the address that the pod's host ports lead to.
func (s *settings) podIP(pod *v1.Pod) string {
	if pod.Spec.HostNetwork || pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		return ""
	}
	var several []string
	for _, ip := range pod.Status.PodIPs {
		several = append(several, ip.IP)
	}
	return s.pick(several, pod.Status.PodIP)
}
