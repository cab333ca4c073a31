package allocate

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var (
	policyPath   = field.NewPath("spec", "ipFamilyPolicy")
	familiesPath = field.NewPath("spec", "ipFamilies")
)

// families decides how many addresses a Service gets and of which families:
// from what it says, from the addresses that it asks for, from the cluster's
// ranges, in this order.
//
// https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
func (s *Services) families(service, before *corev1.Service) field.ErrorList {
	spec := &service.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		spec.IPFamilies, spec.IPFamilyPolicy = nil, nil
		spec.ClusterIP, spec.ClusterIPs = "", nil
		return nil
	}
	if len(spec.ClusterIPs) == 0 && spec.ClusterIP != "" {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
	if before != nil && before.Spec.Type != corev1.ServiceTypeExternalName {
		inherit(spec, &before.Spec)
	}
	headless := !hasClusterIP(service)
	if headless && len(spec.Selector) == 0 {
		s.manualEndpoints(spec)
		return nil
	}
	if problems := s.checkFamilies(spec); len(problems) > 0 {
		return problems
	}
	s.choosePolicy(spec)
	if *spec.IPFamilyPolicy == corev1.IPFamilyPolicyRequireDualStack && len(s.ranges) < 2 {
		return field.ErrorList{field.Invalid(policyPath, *spec.IPFamilyPolicy, "this cluster is not configured for dual-stack services")}
	}
	return s.chooseFamilies(spec)
}

// inherit keeps what an update does not mention.
func inherit(spec, before *corev1.ServiceSpec) {
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = slices.Clone(before.IPFamilies)
	}
	if spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = before.IPFamilyPolicy
	}
}

// malformed says whether the client's addresses and families cannot be worked with.
func malformed(spec *corev1.ServiceSpec) bool {
	for i, text := range spec.ClusterIPs {
		if _, err := netip.ParseAddr(text); err != nil && (i > 0 || text != corev1.ClusterIPNone && text != "") {
			return true
		}
	}
	for _, family := range spec.IPFamilies {
		if family != corev1.IPv4Protocol && family != corev1.IPv6Protocol {
			return true
		}
	}
	if len(spec.IPFamilies) == 2 && spec.IPFamilies[0] == spec.IPFamilies[1] {
		return true
	}
	if ip := spec.ClusterIP; len(spec.ClusterIPs) == 0 && ip != "" && ip != corev1.ClusterIPNone {
		_, err := netip.ParseAddr(ip)
		return err != nil
	}
	return len(spec.ClusterIPs) > 2 || len(spec.IPFamilies) > 2 ||
		len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] != spec.ClusterIP
}

// manualEndpoints is for a headless Service whose endpoints somebody else
// keeps: they may be of any family, whatever the cluster's ranges are.
func (s *Services) manualEndpoints(spec *corev1.ServiceSpec) {
	if spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack)
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{s.ranges[0].family()}
	}
	if *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
}

// checkFamilies refuses families that the cluster has no range for, and
// addresses of another family than the one in their place.
func (s *Services) checkFamilies(spec *corev1.ServiceSpec) field.ErrorList {
	var problems field.ErrorList
	for i, family := range spec.IPFamilies {
		if _, ok := s.rangeOf(family); !ok {
			problems = append(problems, field.Invalid(familiesPath.Index(i), family, "not configured on this cluster"))
		}
	}
	for i, text := range spec.ClusterIPs {
		ip, err := netip.ParseAddr(text)
		if err != nil || i >= len(spec.IPFamilies) {
			continue
		}
		if family := familyOf(ip); family != spec.IPFamilies[i] {
			problems = append(problems, field.Invalid(familiesPath.Index(i), spec.IPFamilies[i], fmt.Sprintf("expected to match %s of spec.clusterIPs", family)))
		}
	}
	return problems
}

func (s *Services) choosePolicy(spec *corev1.ServiceSpec) {
	if spec.IPFamilyPolicy != nil {
		return
	}
	policy := corev1.IPFamilyPolicySingleStack
	if len(spec.ClusterIPs) == 2 || len(spec.IPFamilies) == 2 {
		policy = corev1.IPFamilyPolicyRequireDualStack
	}
	spec.IPFamilyPolicy = &policy
}

// chooseFamilies fills in the families and, when the Service goes from two to one, drops
// the second address with its family.
func (s *Services) chooseFamilies(spec *corev1.ServiceSpec) field.ErrorList {
	for i, text := range spec.ClusterIPs {
		ip, err := netip.ParseAddr(text)
		if err != nil || i < len(spec.IPFamilies) {
			continue
		}
		family := familyOf(ip)
		if _, ok := s.rangeOf(family); !ok {
			return field.ErrorList{field.Invalid(clusterIPsPath, spec.ClusterIPs,
				fmt.Sprintf("failed to allocate IP %s: the provided network does not match the current range", text))}
		}
		spec.IPFamilies = append(spec.IPFamilies, family)
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{s.ranges[0].family()}
	}
	if *spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack {
		spec.IPFamilies = spec.IPFamilies[:1]
		if len(spec.ClusterIPs) > 1 {
			spec.ClusterIPs = spec.ClusterIPs[:1]
		}
		return nil
	}
	if len(spec.IPFamilies) == 1 && len(s.ranges) == 2 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
	return nil
}

func familyOf(ip netip.Addr) corev1.IPFamily {
	if ip.Unmap().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

func other(family corev1.IPFamily) corev1.IPFamily {
	if family == corev1.IPv4Protocol {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}
