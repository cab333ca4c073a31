package allocate

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"

	rules "slowmo/pkg/api/core/service"
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
func (s *Services) families(after, before *corev1.Service) field.ErrorList {
	spec, had := &after.Spec, &corev1.ServiceSpec{}
	if before != nil {
		had = &before.Spec
	}
	// A Service that merely prefers two families keeps what it has when the
	// cluster gains or loses one.
	if spec.Type == corev1.ServiceTypeExternalName || before != nil && stillPrefersTwo(spec, had) {
		return nil
	}
	choosePolicy(spec, had)
	if problems := rules.ValidateClusterIPs(spec, had); len(problems) > 0 {
		return problems
	}
	var problems field.ErrorList
	if before != nil {
		problems = shrink(spec, had)
	}
	problems = append(problems, fitPolicy(spec)...)
	problems = append(problems, s.inferFamilies(spec)...)
	if len(problems) > 0 {
		return problems
	}
	if spec.ClusterIP == corev1.ClusterIPNone && len(spec.Selector) == 0 {
		s.manualEndpoints(spec)
		return nil
	}
	return s.chooseFamilies(spec)
}

func stillPrefersTwo(spec, had *corev1.ServiceSpec) bool {
	const prefers = corev1.IPFamilyPolicyPreferDualStack
	return spec.Type == had.Type && ptr.Deref(spec.IPFamilyPolicy, "") == prefers && ptr.Deref(had.IPFamilyPolicy, prefers) == prefers &&
		slices.Equal(spec.ClusterIPs, had.ClusterIPs) && slices.Equal(spec.IPFamilies, had.IPFamilies)
}

// choosePolicy keeps the policy of an update that does not mention it. A new
// Service gets one family, unless somebody else keeps its endpoints.
func choosePolicy(spec, had *corev1.ServiceSpec) {
	switch {
	case spec.IPFamilyPolicy != nil:
	case had.IPFamilyPolicy != nil:
		spec.IPFamilyPolicy = had.IPFamilyPolicy
	case spec.ClusterIP == corev1.ClusterIPNone && len(spec.Selector) == 0:
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack)
	default:
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack)
	}
}

// shrink drops the second address and family of a Service that is to have one
// only. To leave one of them out is not enough for that.
func shrink(spec, had *corev1.ServiceSpec) (problems field.ErrorList) {
	if isSingle(spec) {
		if slices.Equal(spec.ClusterIPs, had.ClusterIPs) && len(spec.ClusterIPs) > 1 {
			spec.ClusterIPs = spec.ClusterIPs[:1]
		}
		if slices.Equal(spec.IPFamilies, had.IPFamilies) && len(spec.IPFamilies) > 1 {
			spec.IPFamilies = spec.IPFamilies[:1]
		}
		return nil
	}
	if n := len(spec.ClusterIPs); n > 0 && n < len(had.ClusterIPs) {
		problems = append(problems, field.Invalid(policyPath, spec.IPFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"))
	}
	if n := len(spec.IPFamilies); n > 0 && n < len(had.IPFamilies) {
		problems = append(problems, field.Invalid(policyPath, spec.IPFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"))
	}
	return problems
}

func isSingle(spec *corev1.ServiceSpec) bool {
	return *spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack
}

func fitPolicy(spec *corev1.ServiceSpec) (problems field.ErrorList) {
	if isSingle(spec) && len(spec.ClusterIPs) == 2 {
		problems = append(problems, field.Invalid(policyPath, spec.IPFamilyPolicy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"))
	}
	if isSingle(spec) && len(spec.IPFamilies) == 2 {
		problems = append(problems, field.Invalid(policyPath, spec.IPFamilyPolicy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"))
	}
	return problems
}

// inferFamilies adds the families of addresses that the client asks for.
func (s *Services) inferFamilies(spec *corev1.ServiceSpec) (problems field.ErrorList) {
	for i, text := range spec.ClusterIPs {
		if text == corev1.ClusterIPNone || i < len(spec.IPFamilies) {
			continue
		}
		family := corev1.IPv4Protocol
		if netutils.IsIPv6String(text) {
			family = corev1.IPv6Protocol
		}
		if _, ok := s.rangeOf(family); !ok {
			problems = append(problems, field.Invalid(clusterIPsPath.Index(i), spec.ClusterIPs, fmt.Sprintf("%s is not configured on this cluster", family)))
			continue
		}
		spec.IPFamilies = append(spec.IPFamilies, family)
	}
	return problems
}

// manualEndpoints is for a headless Service whose endpoints somebody else
// keeps: they may be of any family, whatever the cluster's ranges are.
func (s *Services) manualEndpoints(spec *corev1.ServiceSpec) {
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{s.ranges[0].family()}
	}
	if !isSingle(spec) && len(spec.IPFamilies) == 1 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
}

// chooseFamilies completes the families by those that the cluster has ranges of.
func (s *Services) chooseFamilies(spec *corev1.ServiceSpec) (problems field.ErrorList) {
	if *spec.IPFamilyPolicy == corev1.IPFamilyPolicyRequireDualStack && len(s.ranges) < 2 {
		problems = append(problems, field.Invalid(policyPath, spec.IPFamilyPolicy, "this cluster is not configured for dual-stack services"))
	}
	for i, family := range spec.IPFamilies {
		if _, ok := s.rangeOf(family); !ok {
			problems = append(problems, field.Invalid(familiesPath.Index(i), family, "not configured on this cluster"))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{s.ranges[0].family()}
	}
	if !isSingle(spec) && len(spec.IPFamilies) == 1 && len(s.ranges) == 2 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
	return nil
}

func other(family corev1.IPFamily) corev1.IPFamily {
	if family == corev1.IPv4Protocol {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}
