package apiextensions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"

	"slowmo/pkg/api"
)

// definitionWarnings are about what a schema says and nobody heeds. An update is
// not warned of what was there before.
func definitionWarnings(_ context.Context, obj, old api.Object) (warnings []string) {
	var before []string
	if old != nil {
		before = schemaWarnings(old)
	}
	for _, warning := range schemaWarnings(obj) {
		if !slices.Contains(before, warning) {
			warnings = append(warnings, warning)
		}
	}
	return warnings
}

func schemaWarnings(obj api.Object) []string {
	definition, err := internal(obj)
	if err != nil {
		return nil
	}
	var formats, sets []string
	for _, schema := range schemasOf(&definition.Spec) {
		each(schema, func(s *apiextensions.JSONSchemaProps) {
			if s.Format != "" && !knownFormat(s.Type, s.Format) {
				formats = append(formats, fmt.Sprintf("unrecognized format %q", s.Format))
			}
			if s.XListType != nil && *s.XListType == "set" && s.Items != nil && s.Items.Schema != nil &&
				(s.Items.Schema.Type == "object" || s.Items.Schema.Type == "array") {
				sets = append(sets, fmt.Sprintf("x-kubernetes-list-type: set for items of type %q is not supported by server-side apply or CEL validation rules", s.Items.Schema.Type))
			}
		})
	}
	slices.Sort(sets)
	return append(formats, slices.Compact(sets)...)
}

// textFormats are the formats of strings, without dashes.
var textFormats = []string{"bsonobjectid", "uri", "email", "hostname", "ipv4", "ipv6", "cidr", "mac", "uuid", "uuid3", "uuid4",
	"uuid5", "isbn", "isbn10", "isbn13", "creditcard", "ssn", "hexcolor", "rgbcolor", "byte", "password", "date", "duration",
	"datetime", "k8sshortname", "k8slongname"}

func knownFormat(kind, format string) bool {
	switch kind {
	case "", "string":
		return slices.Contains(textFormats, strings.ReplaceAll(format, "-", ""))
	case "integer":
		return format == "int32" || format == "int64"
	case "number":
		return format == "float" || format == "double"
	default:
		return false
	}
}
