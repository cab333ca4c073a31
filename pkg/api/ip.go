package api

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateEndpointIP refuses addresses that may not be behind a service, as
// they mean something else on each node. What is no address is not its business.
func ValidateEndpointIP(address string, path *field.Path) (errs field.ErrorList) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return nil
	}
	refuse := func(why string) { errs = append(errs, field.Invalid(path, address, why)) }
	if ip.IsUnspecified() {
		refuse("may not be unspecified (" + address + ")")
	}
	if ip.IsLoopback() {
		refuse("may not be in the loopback range (127.0.0.0/8, ::1/128)")
	}
	if ip.IsLinkLocalUnicast() {
		refuse("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
	}
	if ip.IsLinkLocalMulticast() {
		refuse("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
	}
	return errs
}
