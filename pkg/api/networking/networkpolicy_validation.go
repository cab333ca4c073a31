package networking

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// policyCheck validates a policy. What an update finds in the stored policy
// although there is a rule against it now, it lets stand.
type policyCheck struct {
	anyLabelValue bool
	knownCIDRs    []string

	// missing are the errors that upstream reads off the tags of the types. They come last.
	missing field.ErrorList
}

func validateNetworkPolicy(obj api.Object) field.ErrorList {
	return (&policyCheck{}).policy(&obj.(*networkingv1.NetworkPolicy).Spec)
}

func validateNetworkPolicyUpdate(obj, old api.Object) field.ErrorList {
	before := &old.(*networkingv1.NetworkPolicy).Spec
	check := &policyCheck{anyLabelValue: len(metav1validation.ValidateLabelSelector(&before.PodSelector, metav1validation.LabelSelectorValidationOptions{}, nil)) > 0}
	for _, rule := range rulesOf(before) {
		for _, peer := range rule.peers {
			if peer.IPBlock != nil {
				check.knownCIDRs = append(append(check.knownCIDRs, peer.IPBlock.CIDR), peer.IPBlock.Except...)
			}
		}
	}
	return check.policy(&obj.(*networkingv1.NetworkPolicy).Spec)
}

func (c *policyCheck) policy(spec *networkingv1.NetworkPolicySpec) field.ErrorList {
	errs := c.selector(&spec.PodSelector, field.NewPath("spec", "podSelector"))
	for _, rule := range rulesOf(spec) {
		for i := range rule.ports {
			errs = append(errs, validatePolicyPort(&rule.ports[i], rule.path.Child("ports").Index(i))...)
		}
		for i := range rule.peers {
			errs = append(errs, c.peer(&rule.peers[i], rule.from.Index(i))...)
		}
	}
	return append(append(errs, validatePolicyTypes(spec.PolicyTypes)...), c.missing...)
}

func validatePolicyTypes(types []networkingv1.PolicyType) (errs field.ErrorList) {
	path := field.NewPath("spec", "policyTypes")
	if len(types) > 2 {
		return field.ErrorList{field.Invalid(path, types, "may not specify more than two policyTypes")}
	}
	for i, kind := range types {
		errs = append(errs, check.OneOf(kind, path.Index(i), networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)...)
	}
	return errs
}

func (c *policyCheck) selector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: c.anyLabelValue}, path)
}

func validatePolicyPort(port *networkingv1.NetworkPolicyPort, path *field.Path) (errs field.ErrorList) {
	if port.Protocol != nil {
		errs = check.OneOf(*port.Protocol, path.Child("protocol"), corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
	}
	end := path.Child("endPort")
	switch {
	case port.Port == nil && port.EndPort != nil:
		errs = append(errs, field.Invalid(end, *port.EndPort, "may not be specified when `port` is not specified"))
	case port.Port == nil:
	case port.Port.Type == intstr.Int:
		errs = append(errs, check.Port(*port.Port, path.Child("port"))...)
		if port.EndPort == nil {
			break
		}
		if *port.EndPort < port.Port.IntVal {
			errs = append(errs, field.Invalid(end, *port.EndPort, "must be greater than or equal to `port`"))
		}
		errs = append(errs, check.Port(intstr.FromInt32(*port.EndPort), end)...)
	default:
		if port.EndPort != nil {
			errs = append(errs, field.Invalid(end, *port.EndPort, "may not be specified when `port` is non-numeric"))
		}
		errs = append(errs, check.Port(*port.Port, path.Child("port"))...)
	}
	return errs
}

func (c *policyCheck) peer(peer *networkingv1.NetworkPolicyPeer, path *field.Path) (errs field.ErrorList) {
	if peer.PodSelector != nil {
		errs = append(errs, c.selector(peer.PodSelector, path.Child("podSelector"))...)
	}
	if peer.NamespaceSelector != nil {
		errs = append(errs, c.selector(peer.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	if peer.IPBlock != nil {
		errs = append(errs, c.block(peer.IPBlock, path.Child("ipBlock"))...)
	}
	switch selects := peer.PodSelector != nil || peer.NamespaceSelector != nil; {
	case !selects && peer.IPBlock == nil:
		errs = append(errs, field.Required(path, "must specify a peer"))
	case selects && peer.IPBlock != nil:
		errs = append(errs, field.Forbidden(path, "may not specify both ipBlock and another peer"))
	}
	return errs
}

func (c *policyCheck) block(block *networkingv1.IPBlock, path *field.Path) field.ErrorList {
	if block.CIDR == "" {
		c.missing = append(c.missing, field.Required(path.Child("cidr"), ""))
		return nil
	}
	errs := validation.IsValidCIDRForLegacyField(path.Child("cidr"), block.CIDR, true, c.knownCIDRs)
	_, network, err := netutils.ParseCIDRSloppy(block.CIDR)
	if err != nil {
		return errs
	}
	size, _ := network.Mask.Size()
	for i, text := range block.Except {
		path := path.Child("except").Index(i)
		errs = append(errs, validation.IsValidCIDRForLegacyField(path, text, true, c.knownCIDRs)...)
		_, except, err := netutils.ParseCIDRSloppy(text)
		if err != nil {
			continue
		}
		if ones, _ := except.Mask.Size(); !network.Contains(except.IP) || size >= ones {
			errs = append(errs, field.Invalid(path, text, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}
