package apiextensions

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"

	webhookapi "slowmo/pkg/api/webhook"
)

// version checks what a version has of its own.
func (c *check) version(v *apiextensions.CustomResourceDefinitionVersion, status bool, path *field.Path) (errs field.ErrorList) {
	for _, problem := range checkDeprecation(v) {
		errs = append(errs, field.Invalid(path.Child("deprecationWarning"), v.DeprecationWarning, problem))
	}
	errs = append(errs, c.schema(v.Schema, status, c.sameSchemas[v.Name], path.Child("schema"))...)
	errs = append(errs, validateSubresources(v.Subresources, path.Child("subresources"))...)
	errs = append(errs, validateColumns(v.AdditionalPrinterColumns, path.Child("additionalPrinterColumns"))...)
	if len(v.SelectableFields) > 0 {
		selectable := path.Child("selectableFields")
		if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
			return append(errs, field.Invalid(selectable, "", "may only be set when `version.schema.openAPIV3Schema` is not included"))
		}
		errs = append(errs, c.selectable(v.SelectableFields, v.Schema.OpenAPIV3Schema, v.Name, path)...)
	}
	return errs
}

// common checks what all versions of a definition have in common.
func (c *check) common(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) field.ErrorList {
	status := hasStatus(spec.Subresources) || slices.ContainsFunc(spec.Versions, func(v apiextensions.CustomResourceDefinitionVersion) bool { return hasStatus(v.Subresources) })
	errs := c.schema(spec.Validation, status, c.sameSchemas[spec.Version], path.Child("validation"))
	errs = append(errs, validateSubresources(spec.Subresources, path.Child("subresources"))...)
	errs = append(errs, validateColumns(spec.AdditionalPrinterColumns, path.Child("additionalPrinterColumns"))...)
	if len(spec.SelectableFields) > 0 {
		if spec.Validation == nil {
			return append(errs, field.Invalid(path.Child("selectableFields"), "", "may only be set when validations.schema is included"))
		}
		errs = append(errs, c.selectable(spec.SelectableFields, spec.Validation.OpenAPIV3Schema, "", path)...)
	}
	return errs
}

// subresourcesOf returns the subresources of a version: its own, or if no version
// has any those of all.
func subresourcesOf(spec *apiextensions.CustomResourceDefinitionSpec, name string) *apiextensions.CustomResourceSubresources {
	subresources := spec.Subresources
	for _, v := range spec.Versions {
		if v.Subresources != nil {
			subresources = nil
		}
	}
	for _, v := range spec.Versions {
		if v.Name == name && v.Subresources != nil {
			return v.Subresources
		}
	}
	return subresources
}

func hasStatus(s *apiextensions.CustomResourceSubresources) bool { return s != nil && s.Status != nil }

// checkDeprecation says what is wrong with the warning of a deprecated version.
func checkDeprecation(v *apiextensions.CustomResourceDefinitionVersion) (problems []string) {
	warning := v.DeprecationWarning
	if warning == nil {
		return nil
	}
	if !v.Deprecated {
		return []string{"can only be set for deprecated versions"}
	}
	if len(*warning) > 256 {
		problems = append(problems, "must be <= 256 characters long")
	}
	if *warning == "" {
		problems = append(problems, "must not be an empty string")
	}
	for i, r := range *warning {
		if !unicode.IsPrint(r) {
			problems = append(problems, fmt.Sprintf("must only contain printable UTF-8 characters; non-printable character found at index %d", i))
			break
		}
	}
	if !utf8.ValidString(*warning) {
		problems = append(problems, "must only contain printable UTF-8 characters")
	}
	return problems
}

var (
	columnTypes   = []string{"boolean", "date", "integer", "number", "string"}
	columnFormats = []string{"byte", "date", "date-time", "double", "float", "int32", "int64", "password"}
)

func validateColumns(columns []apiextensions.CustomResourceColumnDefinition, path *field.Path) (errs field.ErrorList) {
	for i, column := range columns {
		path := path.Index(i)
		if column.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), ""))
		}
		types := "must be one of " + strings.Join(columnTypes, ",")
		if column.Type == "" {
			errs = append(errs, field.Required(path.Child("type"), types))
		} else if !slices.Contains(columnTypes, column.Type) {
			errs = append(errs, field.Invalid(path.Child("type"), column.Type, types))
		}
		if column.Format != "" && !slices.Contains(columnFormats, column.Format) {
			errs = append(errs, field.Invalid(path.Child("format"), column.Format, "must be one of "+strings.Join(columnFormats, ",")))
		}
		if column.JSONPath == "" {
			errs = append(errs, field.Required(path.Child("JSONPath"), ""))
		} else {
			errs = append(errs, validatePath(column.JSONPath, path.Child("JSONPath"))...)
		}
	}
	return errs
}

func validatePath(text string, path *field.Path) field.ErrorList {
	if strings.HasPrefix(text, ".") {
		return nil
	}
	return field.ErrorList{field.Invalid(path, text, "must be a simple json path starting with .")}
}

func validateSubresources(s *apiextensions.CustomResourceSubresources, path *field.Path) (errs field.ErrorList) {
	if s == nil || s.Scale == nil {
		return nil
	}
	for _, part := range []struct{ name, value, below, where string }{
		{"scale.specReplicasPath", s.Scale.SpecReplicasPath, ".spec.", ".spec"},
		{"scale.statusReplicasPath", s.Scale.StatusReplicasPath, ".status.", ".status"},
	} {
		path := path.Child(part.name)
		switch wrong := validatePath(part.value, path); {
		case part.value == "":
			errs = append(errs, field.Required(path, ""))
		case len(wrong) > 0:
			errs = append(errs, wrong...)
		case !strings.HasPrefix(part.value, part.below):
			errs = append(errs, field.Invalid(path, part.value, "should be a json path under "+part.where))
		}
	}
	if selector := s.Scale.LabelSelectorPath; selector != nil && *selector != "" {
		path := path.Child("scale.labelSelectorPath")
		switch wrong := validatePath(*selector, path); {
		case len(wrong) > 0:
			errs = append(errs, wrong...)
		case !strings.HasPrefix(*selector, ".spec.") && !strings.HasPrefix(*selector, ".status."):
			errs = append(errs, field.Invalid(path, selector, "should be a json path under either .spec or .status"))
		}
	}
	return errs
}

// maxSelectable bounds the fields that selectors may name.
const maxSelectable = 8

// selectable checks the fields of a kind that selectors may name. path is that of
// what has them: a version, or the spec.
func (c *check) selectable(fields []apiextensions.SelectableField, schema *apiextensions.JSONSchemaProps, version string, path *field.Path) (errs field.ErrorList) {
	structural, err := structuralschema.NewStructural(schema)
	if err != nil {
		errs = append(errs, field.Invalid(path.Child("schema.openAPIV3Schema"), "", err.Error()))
	}
	path = path.Child("selectableFields")
	seen := map[string]bool{}
	for i, f := range fields {
		path := path.Index(i).Child("jsonPath")
		if f.JSONPath == "" {
			errs = append(errs, field.Required(path, ""))
			continue
		}
		at, found, err := cel.ValidFieldPath(f.JSONPath, structural, cel.WithFieldPathAllowArrayNotation(false))
		if err != nil {
			errs = append(errs, field.Invalid(path, f.JSONPath, fmt.Sprintf("is an invalid path: %v", err)))
			continue
		}
		if at.Root().String() == "metadata" {
			errs = append(errs, field.Invalid(path, f.JSONPath, "must not point to fields in metadata"))
		}
		if found == nil || !slices.Contains([]string{"string", "boolean", "integer"}, found.Type) {
			errs = append(errs, field.Invalid(path, f.JSONPath, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."))
		}
		if seen[at.String()] {
			errs = append(errs, field.Duplicate(path, f.JSONPath))
		}
		seen[at.String()] = true
	}
	if len(seen) > maxSelectable && !c.manySelectable[version] {
		errs = append(errs, field.TooMany(path, len(seen), maxSelectable))
	}
	return errs
}

// conversion checks how objects of one version become those of another.
func (c *check) conversion(conversion *apiextensions.CustomResourceConversion, path *field.Path) field.ErrorList {
	const none, webhook = apiextensions.NoneConverter, apiextensions.WebhookConverter
	errs := oneOf(string(conversion.Strategy), path.Child("strategy"), string(none), string(webhook))
	config, reviews := path.Child("webhookClientConfig"), path.Child("conversionReviewVersions")
	if conversion.Strategy != webhook {
		const unused = "should not be set when strategy is not set to Webhook"
		if conversion.WebhookClientConfig != nil {
			errs = append(errs, field.Forbidden(config, unused))
		}
		if len(conversion.ConversionReviewVersions) > 0 {
			errs = append(errs, field.Forbidden(reviews, unused))
		}
		return errs
	}
	if client := conversion.WebhookClientConfig; client == nil {
		errs = append(errs, field.Required(config, "required when strategy is set to Webhook"))
	} else {
		errs = append(errs, c.client(client, config)...)
	}
	return append(errs, webhookapi.ValidateReviewVersions(conversion.ConversionReviewVersions, "", c.anyReview, reviews)...)
}

func (c *check) client(client *apiextensions.WebhookClientConfig, path *field.Path) (errs field.ErrorList) {
	switch service := client.Service; {
	case (client.URL == nil) == (service == nil):
		errs = append(errs, field.Required(path, "exactly one of url or service is required"))
	case client.URL != nil:
		errs = append(errs, webhookapi.ValidateURL(*client.URL, path.Child("url"))...)
	default:
		errs = append(errs, webhookapi.ValidateService(service.Namespace, service.Name, service.Path, service.Port, path.Child("service"))...)
	}
	if len(client.CABundle) > 0 && !c.badBundle && !isBundle(client.CABundle) {
		errs = append(errs, field.Invalid(path.Child("caBundle"), client.CABundle, "unable to load root certificates: unable to parse bytes as PEM block"))
	}
	return errs
}

// isBundle reports whether data holds certificates.
func isBundle(data []byte) bool { return x509.NewCertPool().AppendCertsFromPEM(data) }
