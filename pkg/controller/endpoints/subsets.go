package endpoints

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	endpointsliceutil "k8s.io/endpointslice/util"

	"slowmo/pkg/controller/control"
)

// maxAddresses is how many one Endpoints object lists; the rest is cut off, which
// an annotation tells.
const maxAddresses = 1000

// subsetsOf lists the addresses of a Service's pods by the ports that they have.
// A pod that is not ready stands under NotReadyAddresses unless the Service
// publishes those too.
func subsetsOf(service *v1.Service, pods []*v1.Pod) (subsets []v1.EndpointSubset, truncated bool) {
	pods = slices.SortedFunc(slices.Values(pods), func(a, b *v1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	// One subset for each combination of ports that some pod has.
	byPorts := map[string]*v1.EndpointSubset{}
	var order []string
	count := 0
	for _, ready := range []bool{true, false} {
		for _, pod := range pods {
			isReady := control.Ready(pod) || service.Spec.PublishNotReadyAddresses
			if isReady != ready || !endpointsliceutil.ShouldPodBeInEndpoints(pod, service.Spec.PublishNotReadyAddresses) {
				continue
			}
			address, ok := addressOf(service, pod)
			ports := portsOf(service, pod)
			if !ok || len(ports) == 0 && len(service.Spec.Ports) > 0 {
				continue
			}
			if count++; count > maxAddresses {
				return inOrder(byPorts, order), true
			}
			key := fmt.Sprint(ports)
			if byPorts[key] == nil {
				byPorts[key] = &v1.EndpointSubset{Ports: ports}
				order = append(order, key)
			}
			if ready {
				byPorts[key].Addresses = append(byPorts[key].Addresses, address)
			} else {
				byPorts[key].NotReadyAddresses = append(byPorts[key].NotReadyAddresses, address)
			}
		}
	}
	return inOrder(byPorts, order), false
}

// inOrder sorts everything, so that equal endpoints compare equal.
func inOrder(byPorts map[string]*v1.EndpointSubset, keys []string) []v1.EndpointSubset {
	slices.Sort(keys)
	var out []v1.EndpointSubset
	for _, key := range keys {
		subset := *byPorts[key]
		for _, list := range [][]v1.EndpointAddress{subset.Addresses, subset.NotReadyAddresses} {
			slices.SortFunc(list, func(a, b v1.EndpointAddress) int {
				return cmp.Or(cmp.Compare(a.IP, b.IP), strings.Compare(string(a.TargetRef.UID), string(b.TargetRef.UID)))
			})
		}
		out = append(out, subset)
	}
	return out
}

// addressOf is a pod's address of the Service's first family: Endpoints know one
// family only. It is false when the pod has none.
func addressOf(service *v1.Service, pod *v1.Pod) (v1.EndpointAddress, bool) {
	ip := pod.Status.PodIP
	if len(service.Spec.IPFamilies) > 0 {
		ip = ""
		for _, candidate := range pod.Status.PodIPs {
			if hasFamily(candidate.IP, service.Spec.IPFamilies[0]) {
				ip = candidate.IP
				break
			}
		}
	}
	if ip == "" {
		return v1.EndpointAddress{}, false
	}
	address := v1.EndpointAddress{
		IP:        ip,
		TargetRef: &v1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
	if pod.Spec.NodeName != "" {
		address.NodeName = &pod.Spec.NodeName
	}
	if endpointsliceutil.ShouldSetHostname(pod, service) {
		address.Hostname = pod.Spec.Hostname
	}
	return address, true
}

func hasFamily(ip string, family v1.IPFamily) bool {
	addr, err := netip.ParseAddr(ip)
	return err == nil && addr.Is6() == (family == v1.IPv6Protocol)
}

// portsOf resolves a Service's target ports for a pod. One that the pod does not
// have is left out.
func portsOf(service *v1.Service, pod *v1.Pod) []v1.EndpointPort {
	var out []v1.EndpointPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if number, ok := targetPort(pod, port); ok {
			out = append(out, v1.EndpointPort{Name: port.Name, Port: number, Protocol: port.Protocol, AppProtocol: port.AppProtocol})
		}
	}
	return out
}

// targetPort is the number of a target port, which may be the name of a port of
// a container, sidecars included.
func targetPort(pod *v1.Pod, port *v1.ServicePort) (int32, bool) {
	if port.TargetPort.Type == intstr.Int {
		return port.TargetPort.IntVal, true
	}
	containers := slices.Clone(pod.Spec.Containers)
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			containers = append(containers, c)
		}
	}
	for _, container := range containers {
		for _, p := range container.Ports {
			if p.Name == port.TargetPort.StrVal && p.Protocol == port.Protocol {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}
