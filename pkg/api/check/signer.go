package check

import (
	"fmt"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// IsKubernetesSigner reports whether a signer is of Kubernetes' own domain.
func IsKubernetesSigner(name string) bool {
	host, _, _ := strings.Cut(name, "/")
	return host == "kubernetes.io" || strings.HasSuffix(host, ".kubernetes.io")
}

// SignerName checks that the name of a signer is a domain and a path, and
// short enough to become the name of an object.
func SignerName(name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	segments := strings.Split(name, "/")
	if len(segments) != 2 {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	const longestDomain = validation.DNS1123SubdomainMaxLength
	if len(segments[0]) > longestDomain {
		errs = append(errs, field.TooLong(path, "", longestDomain))
	}
	errs = append(errs, validateLabels(segments[0], path, validation.IsDNS1123Label)...)
	if !strings.Contains(segments[0], ".") {
		errs = append(errs, field.Invalid(path, segments[0], "should be a domain with at least two segments separated by dots"))
	}
	errs = append(errs, validateLabels(segments[1], path, validation.IsDNS1123Subdomain)...)

	// The path may be a label, a dot and a subdomain.
	const longest = longestDomain + 1 + validation.DNS1123LabelMaxLength + 1 + validation.DNS1123SubdomainMaxLength
	if len(name) > longest {
		errs = append(errs, field.TooLong(path, "", longest))
	}
	return errs
}

// BundleName says what is wrong with the name of a signer's bundle: it
// begins with the signer's.
func BundleName(name string, prefix bool, signer string) []string {
	if signer == "" {
		if strings.Contains(name, ":") {
			return []string{`ClusterTrustBundle without signer name must not have ":" in its name`}
		}
		return apivalidation.NameIsDNSSubdomain(name, prefix)
	}
	start := strings.ReplaceAll(signer, "/", ":") + ":"
	rest, ok := strings.CutPrefix(name, start)
	if !ok {
		return []string{fmt.Sprintf("ClusterTrustBundle for signerName %s must be named with prefix %s", signer, start)}
	}
	return apivalidation.NameIsDNSSubdomain(rest, prefix)
}

// validateLabels checks each part between dots, up to the first that is wrong.
func validateLabels(segment string, path *field.Path, check func(string) []string) (errs field.ErrorList) {
	for label := range strings.SplitSeq(segment, ".") {
		for _, problem := range check(label) {
			errs = append(errs, field.Invalid(path, segment, fmt.Sprintf("validating label %q: %s", label, problem)))
		}
		if len(errs) > 0 {
			return errs
		}
	}
	return nil
}
