package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// Limits of a slice. Controllers stay far below them.
const (
	maxAddresses = 100
	maxPorts     = 20000
	maxEndpoints = 1000
	maxHints     = 8
)

var addressTypes = []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN}

func validateSlice(obj api.Object) field.ErrorList {
	s := obj.(*discoveryv1.EndpointSlice)
	errs := validateAddressType(s.AddressType)
	errs = append(errs, validateEndpoints(s.Endpoints, s.AddressType, field.NewPath("endpoints"))...)
	return append(errs, validatePorts(s.Ports, field.NewPath("ports"))...)
}

func validateSliceUpdate(obj, old api.Object) field.ErrorList {
	s, before := obj.(*discoveryv1.EndpointSlice), old.(*discoveryv1.EndpointSlice)
	errs := validateEndpoints(s.Endpoints, s.AddressType, field.NewPath("endpoints"))
	errs = append(errs, validatePorts(s.Ports, field.NewPath("ports"))...)
	return append(errs, apivalidation.ValidateImmutableField(s.AddressType, before.AddressType, field.NewPath("addressType"))...)
}

func validateAddressType(kind discoveryv1.AddressType) field.ErrorList {
	path := field.NewPath("addressType")
	if kind == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	for _, known := range addressTypes {
		if kind == known {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(path, kind, addressTypes)}
}

func validateEndpoints(endpoints []discoveryv1.Endpoint, kind discoveryv1.AddressType, path *field.Path) (errs field.ErrorList) {
	if len(endpoints) > maxEndpoints {
		return field.ErrorList{field.TooMany(path, len(endpoints), maxEndpoints)}
	}
	for i := range endpoints {
		errs = append(errs, validateEndpoint(&endpoints[i], kind, path.Index(i))...)
	}
	return errs
}

func validateEndpoint(e *discoveryv1.Endpoint, kind discoveryv1.AddressType, path *field.Path) (errs field.ErrorList) {
	addresses := path.Child("addresses")
	switch {
	case len(e.Addresses) == 0:
		errs = append(errs, field.Required(addresses, "must contain at least 1 address"))
	case len(e.Addresses) > maxAddresses:
		errs = append(errs, field.TooMany(addresses, len(e.Addresses), maxAddresses))
	}
	for i, address := range e.Addresses {
		errs = append(errs, validateAddress(address, kind, addresses, i)...)
	}
	if e.NodeName != nil {
		for _, msg := range apivalidation.NameIsDNSSubdomain(*e.NodeName, false) {
			errs = append(errs, field.Invalid(path.Child("nodeName"), *e.NodeName, msg))
		}
	}
	if e.Hostname != nil {
		errs = append(errs, check.DNS1123Label(*e.Hostname, path.Child("hostname"))...)
	}
	if e.Hints != nil {
		errs = append(errs, validateHints(e.Hints, path.Child("hints"))...)
	}
	return append(errs, metav1validation.ValidateLabels(e.DeprecatedTopology, path.Child("deprecatedTopology"))...)
}

func validateAddress(address string, kind discoveryv1.AddressType, path *field.Path, i int) (errs field.ErrorList) {
	switch kind {
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
		errs = validation.IsValidIPForLegacyField(path.Index(i), address, true, nil)
		if len(errs) > 0 {
			return errs
		}
		switch isIPv4 := netutils.IsIPv4String(address); {
		case kind == discoveryv1.AddressTypeIPv4 && !isIPv4:
			errs = append(errs, field.Invalid(path, address, "must be an IPv4 address"))
		case kind == discoveryv1.AddressTypeIPv6 && isIPv4:
			errs = append(errs, field.Invalid(path, address, "must be an IPv6 address"))
		}
		errs = append(errs, api.ValidateEndpointIP(address, path.Index(i))...)
	case discoveryv1.AddressTypeFQDN:
		errs = validation.IsFullyQualifiedDomainName(path.Index(i), address)
	}
	return errs
}

func validateHints(hints *discoveryv1.EndpointHints, path *field.Path) (errs field.ErrorList) {
	zones, nodes := path.Child("forZones"), path.Child("forNodes")
	if len(hints.ForZones) > maxHints {
		errs = append(errs, field.TooMany(zones, len(hints.ForZones), maxHints))
	}
	seen := sets.New[string]()
	for i, zone := range hints.ForZones {
		name := zones.Index(i).Child("name")
		if seen.Has(zone.Name) {
			errs = append(errs, field.Duplicate(name, zone.Name))
		} else {
			for _, msg := range validation.IsValidLabelValue(zone.Name) {
				errs = append(errs, field.Invalid(name, zone.Name, msg))
			}
		}
		seen.Insert(zone.Name)
	}
	if len(hints.ForNodes) > maxHints {
		errs = append(errs, field.TooMany(nodes, len(hints.ForNodes), maxHints))
	}
	for i, node := range hints.ForNodes {
		for _, msg := range apivalidation.NameIsDNSSubdomain(node.Name, false) {
			errs = append(errs, field.Invalid(nodes.Index(i).Child("name"), node.Name, msg))
		}
	}
	return errs
}

func validatePorts(ports []discoveryv1.EndpointPort, path *field.Path) (errs field.ErrorList) {
	if len(ports) > maxPorts {
		return field.ErrorList{field.TooMany(path, len(ports), maxPorts)}
	}
	names := sets.New[string]()
	for i, port := range ports {
		path := path.Index(i)
		name := ptr.Deref(port.Name, "")
		if name != "" {
			errs = append(errs, check.DNS1123Label(name, path.Child("name"))...)
		}
		if names.Has(name) {
			errs = append(errs, field.Duplicate(path.Child("name"), port.Name))
		}
		names.Insert(name)
		if port.Protocol == nil {
			errs = append(errs, field.Required(path.Child("protocol"), ""))
		} else {
			errs = append(errs, check.Protocol(*port.Protocol, path.Child("protocol"))...)
		}
		if port.Port != nil {
			for _, msg := range validation.IsValidPortNum(int(*port.Port)) {
				errs = append(errs, field.Invalid(path.Child("port"), *port.Port, msg))
			}
		}
		if port.AppProtocol != nil {
			errs = append(errs, check.QualifiedName(*port.AppProtocol, path.Child("appProtocol"))...)
		}
	}
	return errs
}
