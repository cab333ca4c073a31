package podspec

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/check"
)

// Limits of resolv.conf.
const (
	maxNameservers   = 3
	maxSearches      = 32
	maxSearchesBytes = 2048
)

func validateDNSConfig(config *corev1.PodDNSConfig, policy corev1.DNSPolicy, path *field.Path) (errs field.ErrorList) {
	if config == nil {
		if policy == corev1.DNSNone {
			errs = append(errs, field.Required(path, fmt.Sprintf("must provide `dnsConfig` when `dnsPolicy` is %s", corev1.DNSNone)))
		}
		return errs
	}
	servers, searches := path.Child("nameservers"), path.Child("searches")
	if policy == corev1.DNSNone && len(config.Nameservers) == 0 {
		return field.ErrorList{field.Required(servers, fmt.Sprintf("must provide at least one DNS nameserver when `dnsPolicy` is %s", corev1.DNSNone))}
	}
	if len(config.Nameservers) > maxNameservers {
		errs = append(errs, field.Invalid(servers, config.Nameservers, fmt.Sprintf("must not have more than %v nameservers", maxNameservers)))
	}
	for i, server := range config.Nameservers {
		errs = append(errs, validation.IsValidIPForLegacyField(servers.Index(i), server, true, nil)...)
	}
	if len(config.Searches) > maxSearches {
		errs = append(errs, field.Invalid(searches, config.Searches, fmt.Sprintf("must not have more than %v search paths", maxSearches)))
	}
	if len(strings.Join(config.Searches, " ")) > maxSearchesBytes {
		errs = append(errs, field.Invalid(searches, config.Searches, fmt.Sprintf("must not have more than %v characters (including spaces) in the search list", maxSearchesBytes)))
	}
	for i, search := range config.Searches {
		if search == "." {
			continue
		}
		errs = append(errs, check.Text(strings.TrimSuffix(search, "."), searches.Index(i), validation.IsDNS1123SubdomainWithUnderscore)...)
	}
	for i, option := range config.Options {
		if option.Name == "" {
			errs = append(errs, field.Required(path.Child("options").Index(i), "must not be empty"))
		}
	}
	return errs
}

func validateHostAliases(aliases []corev1.HostAlias, path *field.Path) (errs field.ErrorList) {
	for i, alias := range aliases {
		path := path.Index(i)
		errs = append(errs, validation.IsValidIPForLegacyField(path.Child("ip"), alias.IP, true, nil)...)
		for j, hostname := range alias.Hostnames {
			errs = append(errs, check.DNS1123Subdomain(hostname, path.Child("hostnames").Index(j))...)
		}
	}
	return errs
}
