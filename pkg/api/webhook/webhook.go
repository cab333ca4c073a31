// Package webhook checks where servers are that this one is to call: the
// addresses in webhook configurations and in the conversions of custom resources.
package webhook

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ReviewVersions are the versions of reviews that the server speaks.
var ReviewVersions = []string{"v1", "v1beta1"}

// ValidateURL checks the address of a server outside of the cluster.
func ValidateURL(text string, path *field.Path) (errs field.ErrorList) {
	const form = "; desired format: https://host[/path]"
	u, err := url.Parse(text)
	if err != nil {
		return field.ErrorList{field.Required(path, "url must be a valid URL: "+err.Error()+form)}
	}
	if u.Scheme != "https" {
		errs = append(errs, field.Invalid(path, u.Scheme, "'https' is the only allowed URL scheme"+form))
	}
	if u.Host == "" {
		errs = append(errs, field.Invalid(path, u.Host, "host must be specified"+form))
	}
	if u.User != nil {
		errs = append(errs, field.Invalid(path, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		errs = append(errs, field.Invalid(path, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		errs = append(errs, field.Invalid(path, u.RawQuery, "query parameters are not permitted in the URL"))
	}
	return errs
}

// ValidateService checks a reference to a Service. It is upstream that answers
// for a name that is missing at the namespace, and the other way round.
func ValidateService(namespace, name string, urlPath *string, port int32, path *field.Path) (errs field.ErrorList) {
	if namespace == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	if name == "" {
		errs = append(errs, field.Required(path.Child("namespace"), ""))
	}
	if problems := validation.IsValidPortNum(int(port)); problems != nil {
		errs = append(errs, field.Invalid(path.Child("port"), port, "port is not valid: "+strings.Join(problems, ", ")))
	}
	if urlPath != nil {
		errs = append(errs, validatePath(*urlPath, path.Child("path"))...)
	}
	return errs
}

func validatePath(text string, path *field.Path) (errs field.ErrorList) {
	switch text {
	case "", "/":
		return nil
	case "//":
		return field.ErrorList{field.Invalid(path, text, "segment[0] may not be empty")}
	}
	if !strings.HasPrefix(text, "/") {
		errs = append(errs, field.Invalid(path, text, "must start with a '/'"))
	}
	for i, segment := range strings.Split(strings.TrimSuffix(text[1:], "/"), "/") {
		if segment == "" {
			errs = append(errs, field.Invalid(path, text, fmt.Sprintf("segment[%d] may not be empty", i)))
			continue
		}
		for _, problem := range validation.IsDNS1123Subdomain(segment) {
			errs = append(errs, field.Invalid(path, text, fmt.Sprintf("segment[%d]: %v", i, problem)))
		}
	}
	return errs
}

// ValidateReviewVersions checks the versions of reviews that a webhook speaks.
// missing is said if there are none. anyVersion allows a list without a version
// that the server speaks too.
func ValidateReviewVersions(versions []string, missing string, anyVersion bool, path *field.Path) (errs field.ErrorList) {
	if len(versions) == 0 {
		return field.ErrorList{field.Required(path, missing)}
	}
	for i, version := range versions {
		if slices.Contains(versions[:i], version) {
			errs = append(errs, field.Invalid(path.Index(i), version, "duplicate version"))
			continue
		}
		for _, problem := range validation.IsDNS1035Label(version) {
			errs = append(errs, field.Invalid(path.Index(i), version, problem))
		}
	}
	if !anyVersion && !Speaks(versions) {
		errs = append(errs, field.Invalid(path, versions, "must include at least one of "+strings.Join(ReviewVersions, ", ")))
	}
	return errs
}

// Speaks reports whether the server speaks one of the versions.
func Speaks(versions []string) bool {
	return slices.ContainsFunc(versions, func(v string) bool { return slices.Contains(ReviewVersions, v) })
}
