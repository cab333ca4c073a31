package service

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// hasClusterIP reports whether services of the type have addresses in the cluster.
func hasClusterIP(spec *corev1.ServiceSpec) bool {
	return spec.Type != corev1.ServiceTypeExternalName
}

func isHeadless(spec *corev1.ServiceSpec) bool {
	return len(spec.ClusterIPs) == 1 && spec.ClusterIPs[0] == corev1.ClusterIPNone
}

// hasNodePorts reports whether ports of the service may be open on every node.
func hasNodePorts(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer
}

// isExternal reports whether the service can be reached from outside.
func isExternal(spec *corev1.ServiceSpec) bool {
	return hasNodePorts(spec) || spec.Type == corev1.ServiceTypeClusterIP && len(spec.ExternalIPs) > 0
}

// hasHealthCheck reports whether load balancers ask the nodes for endpoints of
// the service on a port of its own.
func hasHealthCheck(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeLoadBalancer && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func prepareServiceCreate(_ context.Context, obj api.Object) {
	s := obj.(*corev1.Service)
	s.Status = corev1.ServiceStatus{}
	if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
}

// prepareServiceUpdate lets clients update a service without repeating what was
// allocated, and change its type without clearing what the old one had.
func prepareServiceUpdate(_ context.Context, obj, old api.Object) {
	s, before := obj.(*corev1.Service), old.(*corev1.Service)
	s.Status = before.Status
	keepAllocated(&s.Spec, &before.Spec)
	syncClusterIPs(&s.Spec, &before.Spec)
	dropWhatTypeLacks(&s.Spec, &before.Spec)
}

func keepAllocated(spec, before *corev1.ServiceSpec) {
	if hasClusterIP(before) && hasClusterIP(spec) {
		if spec.ClusterIP == "" {
			spec.ClusterIP = before.ClusterIP
		}
		if len(spec.ClusterIPs) == 0 && spec.ClusterIP == before.ClusterIP {
			spec.ClusterIPs = before.ClusterIPs
		}
	}
	if hasNodePorts(before) && hasNodePorts(spec) {
		keepNodePorts(spec.Ports, before.Ports)
	}
	if hasHealthCheck(before) && hasHealthCheck(spec) && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = before.HealthCheckNodePort
	}
}

type portKey struct {
	protocol corev1.Protocol
	port     int32
}

// keepNodePorts gives ports that name no node port the one that they had, if no other port took it.
func keepNodePorts(ports, before []corev1.ServicePort) {
	had := map[portKey]int32{}
	for _, p := range before {
		had[portKey{p.Protocol, p.Port}] = p.NodePort
	}
	taken := map[portKey]bool{}
	for _, p := range ports {
		taken[portKey{p.Protocol, p.NodePort}] = true
	}
	for i := range ports {
		p := &ports[i]
		nodePort := had[portKey{p.Protocol, p.Port}]
		if p.NodePort != 0 || nodePort == 0 || taken[portKey{p.Protocol, nodePort}] {
			continue
		}
		p.NodePort = nodePort
		taken[portKey{p.Protocol, nodePort}] = true
	}
}

// syncClusterIPs makes clusterIPs follow clusterIP where a client that knows
// only the latter has changed it.
func syncClusterIPs(spec, before *corev1.ServiceSpec) {
	same := slices.Equal(spec.ClusterIPs, before.ClusterIPs)
	switch {
	case spec.ClusterIP == before.ClusterIP:
	case spec.ClusterIP == "" && same:
		spec.ClusterIPs = nil
	case before.ClusterIP == "" && len(spec.ClusterIPs) == 0:
		spec.ClusterIPs = []string{spec.ClusterIP}
	case same && len(spec.ClusterIPs) > 0:
		spec.ClusterIPs = append([]string{spec.ClusterIP}, spec.ClusterIPs[1:]...)
	}
}

// dropWhatTypeLacks clears fields that mean nothing for the new type, if the
// client left them as they were; what it set itself is left to validation.
func dropWhatTypeLacks(spec, before *corev1.ServiceSpec) {
	if hasClusterIP(before) && !hasClusterIP(spec) {
		if spec.ClusterIP == before.ClusterIP && slices.Equal(spec.ClusterIPs, before.ClusterIPs) {
			spec.ClusterIP, spec.ClusterIPs = "", nil
		}
		if slices.Equal(spec.IPFamilies, before.IPFamilies) {
			spec.IPFamilies = nil
		}
		if ptr.Equal(spec.IPFamilyPolicy, before.IPFamilyPolicy) {
			spec.IPFamilyPolicy = nil
		}
		if ptr.Equal(spec.InternalTrafficPolicy, before.InternalTrafficPolicy) {
			spec.InternalTrafficPolicy = nil
		}
	}
	if hasNodePorts(before) && !hasNodePorts(spec) && sameNodePorts(spec.Ports, before.Ports) {
		for i := range spec.Ports {
			spec.Ports[i].NodePort = 0
		}
	}
	if hasHealthCheck(before) && !hasHealthCheck(spec) && spec.HealthCheckNodePort == before.HealthCheckNodePort {
		spec.HealthCheckNodePort = 0
	}
	if isExternal(before) && !isExternal(spec) && spec.ExternalTrafficPolicy == before.ExternalTrafficPolicy {
		spec.ExternalTrafficPolicy = ""
	}
	if before.Type == corev1.ServiceTypeLoadBalancer && spec.Type != corev1.ServiceTypeLoadBalancer {
		if ptr.Equal(spec.AllocateLoadBalancerNodePorts, before.AllocateLoadBalancerNodePorts) {
			spec.AllocateLoadBalancerNodePorts = nil
		}
		if ptr.Equal(spec.LoadBalancerClass, before.LoadBalancerClass) {
			spec.LoadBalancerClass = nil
		}
	}
}

func sameNodePorts(ports, before []corev1.ServicePort) bool {
	numbers := func(ports []corev1.ServicePort) map[portKey]bool {
		set := map[portKey]bool{}
		for _, p := range ports {
			if p.NodePort != 0 {
				set[portKey{p.Protocol, p.NodePort}] = true
			}
		}
		return set
	}
	had := numbers(before)
	for key := range numbers(ports) {
		if !had[key] {
			return false
		}
	}
	return true
}
