package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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

var addressTypes = []discoveryv1.AddressType{discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6}

// What upstream reads off the tags of the type comes last: which type of addresses it
// is, and how many each endpoint has.

func validateSlice(obj api.Object) field.ErrorList {
	s := obj.(*discoveryv1.EndpointSlice)
	errs := validatePorts(s.Ports, field.NewPath("ports"))
	errs = append(errs, validateEndpoints(s.Endpoints, s.AddressType, field.NewPath("endpoints"))...)
	errs = append(errs, check.Required(s.AddressType, field.NewPath("addressType"), addressTypes...)...)
	return append(errs, countAddresses(s.Endpoints)...)
}

// validateSliceUpdate leaves endpoints alone that have been like that.
func validateSliceUpdate(obj, old api.Object) field.ErrorList {
	s, before := obj.(*discoveryv1.EndpointSlice), old.(*discoveryv1.EndpointSlice)
	var errs field.ErrorList
	addressType := field.NewPath("addressType")
	if s.AddressType != "" {
		errs = check.OneOf(s.AddressType, addressType, addressTypes...)
	}
	errs = append(errs, validatePorts(s.Ports, field.NewPath("ports"))...)
	same := equality.Semantic.DeepEqual(s.Endpoints, before.Endpoints)
	if !same {
		errs = append(errs, validateEndpoints(s.Endpoints, s.AddressType, field.NewPath("endpoints"))...)
	}
	if s.AddressType == "" {
		errs = append(errs, field.Required(addressType, ""))
	}
	if s.AddressType != before.AddressType {
		errs = append(errs, field.Invalid(addressType, nil, apivalidation.FieldImmutableErrorMsg))
	}
	if !same {
		errs = append(errs, countAddresses(s.Endpoints)...)
	}
	return errs
}

func countAddresses(endpoints []discoveryv1.Endpoint) (errs field.ErrorList) {
	for i := range endpoints {
		path := field.NewPath("endpoints").Index(i).Child("addresses")
		switch n := len(endpoints[i].Addresses); {
		case n == 0:
			errs = append(errs, field.Required(path, ""))
		case n > maxAddresses:
			errs = append(errs, field.TooMany(path, n, maxAddresses))
		}
	}
	return errs
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
	for i, address := range e.Addresses {
		errs = append(errs, validateAddress(address, kind, addresses, i)...)
	}
	if e.NodeName != nil {
		for _, msg := range apivalidation.NameIsDNSSubdomain(*e.NodeName, false) {
			errs = append(errs, field.Invalid(path.Child("nodeName"), *e.NodeName, msg))
		}
	}
	errs = append(errs, metav1validation.ValidateLabels(e.DeprecatedTopology, path.Child("deprecatedTopology"))...)
	if e.Hostname != nil {
		errs = append(errs, check.DNS1123Label(*e.Hostname, path.Child("hostname"))...)
	}
	if e.Hints != nil {
		errs = append(errs, validateHints(e.Hints, path.Child("hints"))...)
	}
	return errs
}

// validateAddress checks an address. The forms that IPv4 addresses could always have
// been written in are still taken, those of IPv6 are not.
func validateAddress(address string, kind discoveryv1.AddressType, path *field.Path, i int) field.ErrorList {
	var errs field.ErrorList
	isIPv4 := netutils.IsIPv4String(address)
	switch kind {
	case discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(path.Index(i), address)
	case discoveryv1.AddressTypeIPv4:
		if errs = validation.IsValidIPForLegacyField(path.Index(i), address, true, nil); len(errs) == 0 && !isIPv4 {
			errs = append(errs, field.Invalid(path, address, "must be an IPv4 address"))
		}
	case discoveryv1.AddressTypeIPv6:
		if errs = validation.IsValidIP(path.Index(i), address); len(errs) == 0 && isIPv4 {
			errs = append(errs, field.Invalid(path, address, "must be an IPv6 address"))
		}
	default:
		return nil
	}
	if len(errs) > 0 && errs[0].Field != path.String() {
		return errs
	}
	return append(errs, api.ValidateEndpointIP(address, path.Index(i))...)
}

func validateHints(hints *discoveryv1.EndpointHints, path *field.Path) field.ErrorList {
	zones, nodes := path.Child("forZones"), path.Child("forNodes")
	if n := len(hints.ForZones); n > maxHints {
		return field.ErrorList{field.TooMany(zones, n, maxHints)}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, zone := range hints.ForZones {
		errs = append(errs, validateHint(zone.Name, zones.Index(i).Child("name"), seen, validation.IsValidLabelValue)...)
	}
	if n := len(hints.ForNodes); n > maxHints {
		return append(errs, field.TooMany(nodes, n, maxHints))
	}
	seen = sets.New[string]()
	for i, node := range hints.ForNodes {
		errs = append(errs, validateHint(node.Name, nodes.Index(i).Child("name"), seen, validation.IsDNS1123Subdomain)...)
	}
	return errs
}

func validateHint(name string, path *field.Path, seen sets.Set[string], problems func(string) []string) (errs field.ErrorList) {
	if seen.Has(name) {
		errs = append(errs, field.Duplicate(path, name))
	}
	seen.Insert(name)
	return append(errs, check.Text(name, path, problems)...)
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
		if port.AppProtocol != nil {
			errs = append(errs, check.QualifiedName(*port.AppProtocol, path.Child("appProtocol"))...)
		}
	}
	return errs
}
