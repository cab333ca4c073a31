package resource

import (
	"fmt"
	"strings"
	"unicode/utf8"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateDriverName checks the name of a driver, whose letters may be of any case.
func validateDriverName(name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if len(name) > resourcev1.DriverNameMaxLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.DriverNameMaxLength))
	}
	return append(errs, invalid(name, path, validation.IsDNS1123Subdomain(strings.ToLower(name)))...)
}

// tagDriverName checks the name of a driver where upstream does so by tags.
func (c *check) tagDriverName(name string, path *field.Path) {
	if name == "" {
		c.tag(field.Required(path, ""))
		return
	}
	c.tag(invalid(name, path, content.IsDNS1123SubdomainCaseless(name))...)
	if utf8.RuneCountInString(name) > resourcev1.DriverNameMaxLength {
		c.tag(field.TooLongCharacters(path, "", resourcev1.DriverNameMaxLength))
	}
}

// validatePoolName checks the name of a pool, DNS subdomains between slashes.
func validatePoolName(name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if len(name) > resourcev1.PoolNameMaxLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.PoolNameMaxLength))
	}
	for part := range strings.SplitSeq(name, "/") {
		errs = append(errs, invalid(part, path, validation.IsDNS1123Subdomain(part))...)
	}
	return errs
}

// tagPoolName is validatePoolName where upstream checks by tags.
func (c *check) tagPoolName(name string, path *field.Path) {
	if name == "" {
		c.tag(field.Required(path, ""))
		return
	}
	if len(name) > resourcev1.PoolNameMaxLength {
		c.tag(field.TooLong(path, "", resourcev1.PoolNameMaxLength))
	}
	for i, part := range strings.Split(name, "/") {
		if part == "" {
			c.tag(field.Invalid(path, name, fmt.Sprintf("segment %d: must not be empty", i)))
			continue
		}
		c.tag(prefixed(fmt.Sprintf("segment %d: ", i), invalid(part, path, content.IsDNS1123Subdomain(part)))...)
	}
}

// tagShortName checks a name that is required.
func (c *check) tagShortName(name string, path *field.Path) {
	if name == "" {
		c.tag(field.Required(path, ""))
		return
	}
	c.tag(invalid(name, path, content.IsDNS1123Label(name))...)
}

// validateLabel checks the name of a device or of a request.
func validateLabel(name string, path *field.Path) field.ErrorList {
	return invalid(name, path, validation.IsDNS1123Label(name))
}

// validateQualifiedName checks the name of an attribute or capacity: an
// identifier, or a domain and an identifier.
func validateQualifiedName(name string, path *field.Path) (errs field.ErrorList) {
	domain, id, qualified := strings.Cut(name, "/")
	switch {
	case !qualified:
		return validateIdentifier(name, path)
	case strings.Contains(id, "/"):
		return field.ErrorList{field.Invalid(path, name, "must not contain more than one slash")}
	case domain == "":
		errs = append(errs, field.Invalid(path, "", "the domain must not be empty"))
	default:
		errs = append(errs, validateDriverName(domain, path)...)
	}
	if id == "" {
		return append(errs, field.Invalid(path, "", "the name must not be empty"))
	}
	return append(errs, validateIdentifier(id, path)...)
}

func validateIdentifier(id string, path *field.Path) (errs field.ErrorList) {
	if len(id) > resourcev1.DeviceMaxIDLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.DeviceMaxIDLength))
	}
	return append(errs, invalid(id, path, content.IsCIdentifier(id))...)
}

// tagFullyQualifiedName checks the name of an attribute that must have its domain.
func (c *check) tagFullyQualifiedName(name string, path *field.Path) {
	switch parts := strings.Split(name, "/"); len(parts) {
	case 1:
		c.tag(validateIdentifier(name, path)...)
		c.tag(field.Invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash"))
	case 2:
		domain, id := parts[0], parts[1]
		if domain == "" {
			c.tag(field.Invalid(path, "", "prefix must not be empty"))
		} else {
			if len(domain) > resourcev1.DeviceMaxDomainLength {
				c.tag(field.TooLong(path, "", resourcev1.DeviceMaxDomainLength))
			}
			c.tag(prefixed("prefix: ", invalid(domain, path, content.IsDNS1123Subdomain(domain)))...)
		}
		if id == "" {
			c.tag(field.Invalid(path, "", "name must not be empty"))
		} else {
			c.tag(validateIdentifier(id, path)...)
		}
	}
}

// tagExtendedResourceName checks a name by which containers may ask for devices.
func (c *check) tagExtendedResourceName(name string, path *field.Path) {
	const native, quota = "kubernetes.io/", "requests."
	switch {
	case !strings.Contains(name, "/"):
		c.tag(field.Invalid(path, name, "a name must be a domain-prefixed path, such as 'example.com/my-prop'"))
	case strings.Contains(name, native):
		c.tag(field.Invalid(path, name, fmt.Sprintf("must not have %q domain", native)))
	}
	if strings.HasPrefix(name, quota) {
		c.tag(field.Invalid(path, name, fmt.Sprintf("must not have %q prefix", quota)))
	}
	c.tag(invalid(name, path, content.IsLabelKey(quota+name))...)
}

// tagUUID checks an identifier in its normal form.
func (c *check) tagUUID(id string, path *field.Path) {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	ok := len(id) == len(form)
	for i := 0; ok && i < len(id); i++ {
		if form[i] == '-' {
			ok = id[i] == '-'
		} else {
			ok = strings.IndexByte("0123456789abcdef", id[i]) >= 0
		}
	}
	if !ok {
		c.tag(field.Invalid(path, id, "must be a lowercase UUID in 8-4-4-4-12 format"))
	}
}

// uppercaseWarning says that a driver should be named in lower case.
func uppercaseWarning(path *field.Path, driver string) []string {
	if driver == strings.ToLower(driver) {
		return nil
	}
	return []string{fmt.Sprintf("%s: driver names should be lowercase; %q contains uppercase characters", path, driver)}
}
