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

func isBalancer(spec *corev1.ServiceSpec) bool { return spec.Type == corev1.ServiceTypeLoadBalancer }

func isHeadless(spec *corev1.ServiceSpec) bool {
	return len(spec.ClusterIPs) == 1 && spec.ClusterIPs[0] == corev1.ClusterIPNone
}

// hasNodePorts reports whether ports of the service may be open on every node.
func hasNodePorts(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort || isBalancer(spec)
}

// isExternal reports whether the service can be reached from outside.
func isExternal(spec *corev1.ServiceSpec) bool {
	return hasNodePorts(spec) || spec.Type == corev1.ServiceTypeClusterIP && len(spec.ExternalIPs) > 0
}

// hasHealthCheck reports whether load balancers ask the nodes for endpoints of
// the service on a port of its own.
func hasHealthCheck(spec *corev1.ServiceSpec) bool {
	return isBalancer(spec) && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func prepareServiceCreate(_ context.Context, obj api.Object) {
	s := obj.(*corev1.Service)
	s.Status = corev1.ServiceStatus{}
	if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
	dropInternalPolicy(&s.Spec)
}

// prepareServiceUpdate lets clients update a service without repeating what was
// allocated, and change its type without clearing what the old one had.
func prepareServiceUpdate(_ context.Context, obj, old api.Object) {
	s, before := obj.(*corev1.Service), old.(*corev1.Service)
	s.Status = before.Status
	keepAllocated(&s.Spec, &before.Spec)
	syncClusterIPs(&s.Spec, &before.Spec)
	dropWhatTypeLacks(&s.Spec, &before.Spec)
	dropInternalPolicy(&s.Spec)
	if !isBalancer(&s.Spec) {
		s.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	}
}

// dropInternalPolicy clears a policy that means nothing for the type. Upstream
// stores it, and shows it to nobody.
func dropInternalPolicy(spec *corev1.ServiceSpec) {
	if spec.Type == corev1.ServiceTypeExternalName {
		spec.InternalTrafficPolicy = nil
	}
}

func keepAllocated(spec, before *corev1.ServiceSpec) {
	if hasClusterIP(before) && hasClusterIP(spec) {
		if spec.ClusterIP == "" {
			spec.ClusterIP = before.ClusterIP
		}
		if len(spec.ClusterIPs) == 0 {
			spec.ClusterIPs = before.ClusterIPs
		}
	}
	if allocatesNodePorts(before) && allocatesNodePorts(spec) {
		keepNodePorts(spec.Ports, before.Ports)
	}
	if hasHealthCheck(before) && hasHealthCheck(spec) && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = before.HealthCheckNodePort
	}
}

// allocatesNodePorts reports whether ports that name no node port get one.
func allocatesNodePorts(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort ||
		isBalancer(spec) && ptr.Deref(spec.AllocateLoadBalancerNodePorts, true)
}

// keepNodePorts gives ports that name no node port the one that the port of
// their name had, unless the service names it for some port still.
func keepNodePorts(ports, before []corev1.ServicePort) {
	named := map[int32]bool{}
	for _, p := range ports {
		named[p.NodePort] = true
	}
	had := map[string]int32{}
	for _, p := range before {
		had[p.Name] = p.NodePort
	}
	for i := range ports {
		if p := &ports[i]; p.NodePort == 0 && !named[had[p.Name]] {
			p.NodePort = had[p.Name]
		}
	}
}

// syncClusterIPs makes clusterIPs follow clusterIP where a client that knows
// only the latter has changed it.
func syncClusterIPs(spec, before *corev1.ServiceSpec) {
	if len(spec.ClusterIPs) == 0 && spec.ClusterIP == before.ClusterIP {
		spec.ClusterIPs = before.ClusterIPs
	}
	if spec.ClusterIP == before.ClusterIP || !slices.Equal(spec.ClusterIPs, before.ClusterIPs) {
		return
	}
	spec.ClusterIPs = nil
	if spec.ClusterIP != "" {
		spec.ClusterIPs = []string{spec.ClusterIP}
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
	if isBalancer(before) && !isBalancer(spec) {
		if ptr.Equal(spec.AllocateLoadBalancerNodePorts, before.AllocateLoadBalancerNodePorts) {
			spec.AllocateLoadBalancerNodePorts = nil
		}
		if ptr.Equal(spec.LoadBalancerClass, before.LoadBalancerClass) {
			spec.LoadBalancerClass = nil
		}
	}
}

// sameNodePorts reports whether ports name none that the service did not have.
func sameNodePorts(ports, before []corev1.ServicePort) bool {
	for _, p := range ports {
		had := func(b corev1.ServicePort) bool { return b.NodePort == p.NodePort }
		if p.NodePort != 0 && !slices.ContainsFunc(before, had) {
			return false
		}
	}
	return true
}
