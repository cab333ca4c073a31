package service

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// validateClusterIPs checks addresses, families and the policy against each other.
//
// https://kubernetes.io/docs/concepts/services-networking/dual-stack/
func validateClusterIPs(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if !hasClusterIP(spec) {
		return nil
	}
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
	invalid := validateEachIP(spec.ClusterIPs, ips)
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
	if len(errs) > 0 || isHeadless(spec) {
		return errs
	}
	return validateIPsOfFamilies(spec, ips)
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

func validateEachIP(ips []string, path *field.Path) (errs field.ErrorList) {
	for i, ip := range ips {
		if i == 0 && ip == corev1.ClusterIPNone {
			if len(ips) > 1 {
				errs = append(errs, field.Invalid(path, ips, "'None' must be the first and only value"))
			}
			continue
		}
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip, true, nil)...)
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
	spec, before := &obj.(*corev1.Service).Spec, &old.(*corev1.Service).Spec
	path := field.NewPath("spec")
	errs := validateIPChange(spec, before, path)
	errs = append(errs, validateFamilyChange(spec, before, path)...)
	if spec.Type == corev1.ServiceTypeLoadBalancer && before.Type == corev1.ServiceTypeLoadBalancer {
		errs = append(errs, apivalidation.ValidateImmutableField(spec.LoadBalancerClass, before.LoadBalancerClass, path.Child("loadBalancerClass"))...)
	}
	return append(errs, validateService(obj)...)
}

// validateIPChange lets a service gain or release its second address; the first stays.
func validateIPChange(spec, before *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if !hasClusterIP(spec) || !hasClusterIP(before) {
		return nil
	}
	ips := path.Child("clusterIPs")
	if len(spec.ClusterIPs) == len(before.ClusterIPs) {
		for i, ip := range before.ClusterIPs {
			if spec.ClusterIPs[i] != ip {
				errs = append(errs, field.Invalid(ips.Index(i), spec.ClusterIPs, "may not change once set"))
			}
		}
		return errs
	}
	if len(before.ClusterIPs) > 0 && len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] != before.ClusterIPs[0] {
		errs = append(errs, field.Invalid(ips.Index(0), spec.ClusterIPs, "may not change once set"))
	}
	if len(before.ClusterIPs) > len(spec.ClusterIPs) {
		if len(spec.ClusterIPs) == 0 {
			errs = append(errs, field.Invalid(ips.Index(0), spec.ClusterIPs, "primary clusterIP can not be unset"))
		}
		if len(spec.ClusterIPs) == 1 && (spec.IPFamilyPolicy == nil || *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack) {
			errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), spec.IPFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary clusterIP"))
		}
	}
	return errs
}

// validateFamilyChange holds the same of the families.
func validateFamilyChange(spec, before *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if !hasClusterIP(spec) || !hasClusterIP(before) || isHeadless(spec) != isHeadless(before) {
		return nil
	}
	families := path.Child("ipFamilies")
	switch n, had := len(spec.IPFamilies), len(before.IPFamilies); {
	case n == had:
		for i, family := range before.IPFamilies {
			if spec.IPFamilies[i] != family {
				errs = append(errs, field.Invalid(families.Index(i), spec.IPFamilies, "may not change once set"))
			}
		}
	case n == 0:
		errs = append(errs, field.Invalid(families.Index(0), spec.IPFamilies, "primary ipFamily can not be unset"))
	case had > 0 && spec.IPFamilies[0] != before.IPFamilies[0]:
		errs = append(errs, field.Invalid(families.Index(0), spec.IPFamilies, "may not change once set"))
	case n < had && (spec.IPFamilyPolicy == nil || *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack):
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), spec.IPFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary ipFamily"))
	}
	return errs
}

// validateServiceStatus checks where a load balancer says that it listens.
func validateServiceStatus(obj, _ api.Object) (errs field.ErrorList) {
	s := obj.(*corev1.Service)
	path := field.NewPath("status", "loadBalancer", "ingress")
	if len(s.Status.LoadBalancer.Ingress) > 0 && s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return field.ErrorList{field.Forbidden(path, "may only be used when `spec.type` is \"LoadBalancer\"")}
	}
	for i, ingress := range s.Status.LoadBalancer.Ingress {
		path := path.Index(i)
		if ingress.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(path.Child("ip"), ingress.IP, true, nil)...)
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
			if len(validation.IsValidIPForLegacyField(path, ingress.Hostname, true, nil)) == 0 {
				errs = append(errs, field.Invalid(path.Child("hostname"), ingress.Hostname, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}
