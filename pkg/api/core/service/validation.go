package service

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

func validateService(obj api.Object) field.ErrorList {
	return validateAnyService(obj.(*corev1.Service), &corev1.Service{})
}

// validateAnyService checks a service. What before, which is empty for a new
// one, had already may be written as it is not allowed anymore.
func validateAnyService(s, before *corev1.Service) field.ErrorList {
	spec, path := &s.Spec, field.NewPath("spec")
	errs := validateTopology(s.Annotations)
	errs = append(errs, validateServiceType(spec, path)...)
	errs = append(errs, validateServicePorts(spec, path.Child("ports"))...)
	errs = append(errs, metav1validation.ValidateLabels(spec.Selector, path.Child("selector"))...)
	errs = append(errs, validateServiceAffinity(spec, path)...)
	errs = append(errs, ValidateClusterIPs(spec, &before.Spec)...)
	for i, ip := range spec.ExternalIPs {
		path := path.Child("externalIPs").Index(i)
		if invalid := validation.IsValidIPForLegacyField(path, ip, true, before.Spec.ExternalIPs); len(invalid) > 0 {
			errs = append(errs, invalid...)
		} else {
			errs = append(errs, api.ValidateEndpointIP(ip, path)...)
		}
	}
	errs = append(errs, check.Required(spec.Type, path.Child("type"), corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName,
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)...)
	errs = append(errs, validateNodePorts(spec, path.Child("ports"))...)
	errs = append(errs, validateSourceRanges(s, before)...)
	errs = append(errs, validateBalancer(spec, path)...)
	return append(errs, validateTraffic(spec, path)...)
}

// validateTopology holds that the old annotation and the new one agree.
func validateTopology(annotations map[string]string) field.ErrorList {
	mode, ok := annotations[corev1.AnnotationTopologyMode]
	hints, old := annotations[corev1.DeprecatedAnnotationTopologyAwareHints]
	if !ok || !old || mode == hints {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations").Key(corev1.AnnotationTopologyMode), mode,
		fmt.Sprintf("must match annotations[%s] when both are specified", corev1.DeprecatedAnnotationTopologyAwareHints))}
}

func validateServiceType(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if len(spec.Ports) == 0 && !isHeadless(spec) && spec.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(path.Child("ports"), ""))
	}
	switch spec.Type {
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		if isHeadless(spec) {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), spec.ClusterIPs[0],
				fmt.Sprintf("may not be set to 'None' for %s services", spec.Type)))
		}
	case corev1.ServiceTypeExternalName:
		errs = append(errs, validateExternalName(spec, path)...)
	}
	return errs
}

func validateExternalName(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	const message = "may not be set for ExternalName services"
	if len(spec.ClusterIPs) > 0 {
		errs = append(errs, field.Forbidden(path.Child("clusterIPs"), message))
	}
	if len(spec.IPFamilies) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ipFamilies"), message))
	}
	if spec.IPFamilyPolicy != nil {
		errs = append(errs, field.Forbidden(path.Child("ipFamilyPolicy"), message))
	}
	// A dot at the end says that the name is complete.
	name := strings.TrimSuffix(spec.ExternalName, ".")
	if name == "" {
		return append(errs, field.Required(path.Child("externalName"), ""))
	}
	return append(errs, check.DNS1123Subdomain(name, path.Child("externalName"))...)
}

func validateServicePorts(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i := range spec.Ports {
		port, path := &spec.Ports[i], path.Index(i)
		switch {
		case port.Name == "" && len(spec.Ports) > 1:
			errs = append(errs, field.Required(path.Child("name"), ""))
		case port.Name != "":
			errs = append(errs, check.DNS1123Label(port.Name, path.Child("name"))...)
			if names.Has(port.Name) {
				errs = append(errs, field.Duplicate(path.Child("name"), port.Name))
			}
			names.Insert(port.Name)
		}
		for _, msg := range validation.IsValidPortNum(int(port.Port)) {
			errs = append(errs, field.Invalid(path.Child("port"), port.Port, msg))
		}
		if port.Protocol == "" {
			errs = append(errs, field.Required(path.Child("protocol"), ""))
		} else {
			errs = append(errs, check.Protocol(port.Protocol, path.Child("protocol"))...)
		}
		errs = append(errs, check.Port(port.TargetPort, path.Child("targetPort"))...)
		if port.AppProtocol != nil {
			errs = append(errs, check.QualifiedName(*port.AppProtocol, path.Child("appProtocol"))...)
		}
	}
	return errs
}

// validateNodePorts checks which ports have node ports and that no two ports are the same.
func validateNodePorts(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	if spec.Type == corev1.ServiceTypeClusterIP {
		for i, port := range spec.Ports {
			if port.NodePort != 0 {
				errs = append(errs, field.Forbidden(path.Index(i).Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
			}
		}
	}
	type portKey struct {
		protocol corev1.Protocol
		port     int32
	}
	nodePorts, ports := map[portKey]bool{}, map[portKey]bool{}
	for i, port := range spec.Ports {
		key := portKey{port.Protocol, port.NodePort}
		if port.NodePort != 0 && nodePorts[key] {
			errs = append(errs, field.Duplicate(path.Index(i).Child("nodePort"), port.NodePort))
		}
		nodePorts[key] = true
	}
	for i, port := range spec.Ports {
		key := portKey{port.Protocol, port.Port}
		if ports[key] {
			errs = append(errs, field.Duplicate(path.Index(i), api.Internal(corev1.ServicePort{Protocol: port.Protocol, Port: port.Port})))
		}
		ports[key] = true
	}
	return errs
}

func validateServiceAffinity(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	config := path.Child("sessionAffinityConfig")
	switch spec.SessionAffinity {
	case "":
		return field.ErrorList{field.Required(path.Child("sessionAffinity"), "")}
	case corev1.ServiceAffinityNone:
		if spec.SessionAffinityConfig != nil {
			errs = append(errs, field.Forbidden(config, fmt.Sprintf("must not be set when session affinity is %s", corev1.ServiceAffinityNone)))
		}
	case corev1.ServiceAffinityClientIP:
		const longest = 86400
		if seconds := *spec.SessionAffinityConfig.ClientIP.TimeoutSeconds; seconds <= 0 || seconds > longest {
			errs = append(errs, field.Invalid(config.Child("clientIP", "timeoutSeconds"), seconds,
				fmt.Sprintf("must be greater than 0 and less than %d", longest)))
		}
	default:
		return check.OneOf(spec.SessionAffinity, path.Child("sessionAffinity"), corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)
	}
	return errs
}

const onlyBalancers = "may only be used when `type` is 'LoadBalancer'"

// validateSourceRanges checks from where a load balancer may be used, which was
// an annotation before.
func validateSourceRanges(s, before *corev1.Service) (errs field.ErrorList) {
	const key = corev1.AnnotationLoadBalancerSourceRangesKey
	if ranges := s.Spec.LoadBalancerSourceRanges; len(ranges) > 0 {
		path := field.NewPath("spec", "LoadBalancerSourceRanges")
		if !isBalancer(&s.Spec) {
			errs = append(errs, field.Forbidden(path, onlyBalancers))
		}
		var had []string
		for _, cidr := range before.Spec.LoadBalancerSourceRanges {
			had = append(had, strings.TrimSpace(cidr))
		}
		for i, cidr := range ranges {
			errs = append(errs, validation.IsValidCIDRForLegacyField(path.Index(i), strings.TrimSpace(cidr), true, had)...)
		}
		return errs
	}
	value, ok := s.Annotations[key]
	if !ok {
		return nil
	}
	path := field.NewPath("metadata", "annotations").Key(key)
	if !isBalancer(&s.Spec) {
		errs = append(errs, field.Forbidden(path, onlyBalancers))
	}
	if old, had := before.Annotations[key]; had && old == value || strings.TrimSpace(value) == "" {
		return errs
	}
	for cidr := range strings.SplitSeq(value, ",") {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path, strings.TrimSpace(cidr), true, nil)...)
	}
	return errs
}

func validateBalancer(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	switch allocate := path.Child("allocateLoadBalancerNodePorts"); {
	case spec.AllocateLoadBalancerNodePorts != nil && !isBalancer(spec):
		errs = append(errs, field.Forbidden(allocate, onlyBalancers))
	case spec.AllocateLoadBalancerNodePorts == nil && isBalancer(spec):
		errs = append(errs, field.Required(allocate, ""))
	}
	return append(errs, validateClass(spec, path.Child("loadBalancerClass"))...)
}

func validateClass(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	switch {
	case spec.LoadBalancerClass == nil:
		return nil
	case isBalancer(spec):
		return check.QualifiedName(*spec.LoadBalancerClass, path)
	}
	return field.ErrorList{field.Forbidden(path, onlyBalancers)}
}

func validateTraffic(spec *corev1.ServiceSpec, path *field.Path) (errs field.ErrorList) {
	external := path.Child("externalTrafficPolicy")
	switch policy := spec.ExternalTrafficPolicy; {
	case !isExternal(spec) && policy != "":
		errs = append(errs, field.Invalid(external, policy, "may only be set for externally-accessible services"))
	case isExternal(spec) && policy == "":
		errs = append(errs, field.Required(external, ""))
	case isExternal(spec):
		errs = append(errs, check.OneOf(policy, external, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	}
	health := path.Child("healthCheckNodePort")
	switch {
	case !hasHealthCheck(spec) && spec.HealthCheckNodePort != 0:
		errs = append(errs, field.Invalid(health, spec.HealthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	case hasHealthCheck(spec) && spec.HealthCheckNodePort == 0:
		errs = append(errs, field.Required(health, ""))
	case hasHealthCheck(spec):
		for _, msg := range validation.IsValidPortNum(int(spec.HealthCheckNodePort)) {
			errs = append(errs, field.Invalid(health, spec.HealthCheckNodePort, msg))
		}
	}
	if policy := spec.InternalTrafficPolicy; policy != nil {
		errs = append(errs, check.OneOf(*policy, path.Child("internalTrafficPolicy"), corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	} else if hasClusterIP(spec) {
		errs = append(errs, field.Required(path.Child("internalTrafficPolicy"), ""))
	}
	if d := spec.TrafficDistribution; d != nil {
		errs = append(errs, check.OneOf(*d, path.Child("trafficDistribution"), corev1.ServiceTrafficDistributionPreferClose,
			corev1.ServiceTrafficDistributionPreferSameZone, corev1.ServiceTrafficDistributionPreferSameNode)...)
	}
	return errs
}
