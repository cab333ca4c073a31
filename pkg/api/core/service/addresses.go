package service

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// ValidateClusterIPs checks addresses, families and the policy against each
// other. The addresses of before may be written as it is not allowed anymore.
//
// https://kubernetes.io/docs/concepts/services-networking/dual-stack/
func ValidateClusterIPs(spec, before *corev1.ServiceSpec) (errs field.ErrorList) {
	if !hasClusterIP(spec) {
		return nil
	}
	path := field.NewPath("spec")
	ips := path.Child("clusterIPs")
	switch {
	case spec.ClusterIP != "" && len(spec.ClusterIPs) == 0:
		errs = append(errs, field.Required(ips, ""))
	case spec.ClusterIP != "" && spec.ClusterIPs[0] != spec.ClusterIP:
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "first value must match `clusterIP`"))
	case spec.ClusterIP == "" && len(spec.ClusterIPs) != 0:
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "must be empty when `clusterIP` is not specified"))
	}
	errs = append(errs, validateFamilies(spec, path)...)
	invalid := validateEachIP(spec.ClusterIPs, before.ClusterIPs, ips)
	errs = append(errs, invalid...)
	if len(spec.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "may only hold up to 2 values"))
	}
	if len(invalid) > 0 {
		return errs
	}
	if len(spec.ClusterIPs) > 1 {
		if dual, err := netutils.IsDualStackIPStrings(spec.ClusterIPs); err != nil || !dual {
			errs = append(errs, field.Invalid(ips, spec.ClusterIPs, "may specify no more than one IP for each IP family"))
		}
	}
	if isHeadless(spec) {
		return errs
	}
	return append(errs, validateIPsOfFamilies(spec, ips)...)
}

func validateFamilies(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.IPFamily]()
	for i, family := range spec.IPFamilies {
		path := path.Child("ipFamilies").Index(i)
		errs = append(errs, check.OneOf(family, path, corev1.IPv4Protocol, corev1.IPv6Protocol)...)
		if seen.Has(family) {
			errs = append(errs, field.Duplicate(path, family))
		}
		seen.Insert(family)
	}
	if policy := spec.IPFamilyPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("ipFamilyPolicy"), corev1.IPFamilyPolicyPreferDualStack,
			corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack)...)
	}
	return errs
}

func validateEachIP(ips, before []string, path *field.Path) (errs field.ErrorList) {
	for i, ip := range ips {
		if i == 0 && ip == corev1.ClusterIPNone {
			if len(ips) > 1 {
				errs = append(errs, field.Invalid(path, ips, "'None' must be the first and only value"))
			}
			continue
		}
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip, true, before)...)
	}
	return errs
}

func validateIPsOfFamilies(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	for i, ip := range spec.ClusterIPs {
		if i >= len(spec.IPFamilies) {
			break
		}
		if family := spec.IPFamilies[i]; (family == corev1.IPv6Protocol) != netutils.IsIPv6String(ip) {
			errs = append(errs, field.Invalid(path.Index(i), ip, fmt.Sprintf("expected an %v value as indicated by `ipFamilies[%v]`", family, i)))
		}
	}
	return errs
}

func validateServiceUpdate(obj, old api.Object) field.ErrorList {
	s, was := obj.(*corev1.Service), old.(*corev1.Service)
	spec, before, path := &s.Spec, &was.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if hasClusterIP(spec) && hasClusterIP(before) && (!isHeadless(spec) || !isHeadless(before)) {
		errs = append(errs, validateIPChange(spec, before, path)...)
	}
	if hasClusterIP(spec) && hasClusterIP(before) && !isHeadless(spec) && !isHeadless(before) {
		errs = append(errs, validateFamilyChange(spec, before, path)...)
	}
	if isBalancer(spec) && isBalancer(before) && !ptr.Equal(spec.LoadBalancerClass, before.LoadBalancerClass) {
		errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), spec.LoadBalancerClass, mayNotChange))
	}
	errs = append(errs, validateClass(spec, path.Child("loadBalancerClass"))...)
	if hasHealthCheck(before) && hasHealthCheck(spec) && spec.HealthCheckNodePort != before.HealthCheckNodePort {
		errs = append(errs, field.Forbidden(path.Child("healthCheckNodePort"), "field is immutable"))
	}
	return append(errs, validateAnyService(s, was)...)
}

const mayNotChange = "may not change once set"

// validateIPChange lets a service gain or release its second address; the first stays.
func validateIPChange(spec, before *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	ips, n, had := path.Child("clusterIPs"), len(spec.ClusterIPs), len(before.ClusterIPs)
	if n == had {
		for i, ip := range before.ClusterIPs {
			if spec.ClusterIPs[i] != ip {
				errs = append(errs, field.Invalid(ips.Index(i), spec.ClusterIPs, mayNotChange))
			}
		}
		return errs
	}
	if n == 0 {
		return field.ErrorList{field.Invalid(ips.Index(0), spec.ClusterIPs, "primary clusterIP can not be unset")}
	}
	if had > 0 && spec.ClusterIPs[0] != before.ClusterIPs[0] {
		errs = append(errs, field.Invalid(ips.Index(0), spec.ClusterIPs, mayNotChange))
	}
	if n < had && !isSingleStack(spec) {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), spec.IPFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary clusterIP"))
	}
	return errs
}

func isSingleStack(spec *corev1.ServiceSpec) bool {
	return spec.IPFamilyPolicy != nil && *spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack
}

// validateFamilyChange holds the same of the families. Like upstream it shows
// the addresses where only the first family changed.
func validateFamilyChange(spec, before *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	families, n, had := path.Child("ipFamilies"), len(spec.IPFamilies), len(before.IPFamilies)
	if n == had {
		for i, family := range before.IPFamilies {
			if spec.IPFamilies[i] != family {
				errs = append(errs, field.Invalid(families.Index(0), spec.IPFamilies, mayNotChange))
			}
		}
		return errs
	}
	if n < had && len(spec.ClusterIPs) == 0 {
		errs = append(errs, field.Invalid(families.Index(0), spec.IPFamilies, "primary ipFamily can not be unset"))
	}
	if n > 0 && had > 0 && spec.IPFamilies[0] != before.IPFamilies[0] {
		errs = append(errs, field.Invalid(families.Index(0), spec.ClusterIPs, mayNotChange))
	}
	if n < had && n == 1 && !isSingleStack(spec) {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), spec.IPFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary ipFamily"))
	}
	return errs
}

// validateServiceStatus checks where a load balancer says that it listens.
func validateServiceStatus(obj, old api.Object) (errs field.ErrorList) {
	s := obj.(*corev1.Service)
	var had []string
	for _, ingress := range old.(*corev1.Service).Status.LoadBalancer.Ingress {
		had = append(had, ingress.IP)
	}
	path := field.NewPath("status", "loadBalancer", "ingress")
	if len(s.Status.LoadBalancer.Ingress) > 0 && !isBalancer(&s.Spec) {
		return field.ErrorList{field.Forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")}
	}
	for i, ingress := range s.Status.LoadBalancer.Ingress {
		path := path.Index(i)
		if ingress.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(path.Child("ip"), ingress.IP, true, had)...)
		}
		switch {
		case ingress.IP != "" && ingress.IPMode == nil:
			errs = append(errs, field.Required(path.Child("ipMode"), "must be specified when `ip` is set"))
		case ingress.IP == "" && ingress.IPMode != nil:
			errs = append(errs, field.Forbidden(path.Child("ipMode"), "may not be specified when `ip` is not set"))
		case ingress.IPMode != nil:
			errs = append(errs, check.OneOf(*ingress.IPMode, path.Child("ipMode"), corev1.LoadBalancerIPModeProxy, corev1.LoadBalancerIPModeVIP)...)
		}
		if ingress.Hostname != "" {
			errs = append(errs, check.DNS1123Subdomain(ingress.Hostname, path.Child("hostname"))...)
			if netutils.ParseIPSloppy(ingress.Hostname) != nil {
				errs = append(errs, field.Invalid(path.Child("hostname"), ingress.Hostname, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}
