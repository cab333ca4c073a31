package apiextensions

import (
	"maps"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
)

// children returns the schemas right below one, in an order of their own: maps
// by their keys.
func children(s *apiextensions.JSONSchemaProps) (below []*apiextensions.JSONSchemaProps) {
	list := func(schemas []apiextensions.JSONSchemaProps) {
		for i := range schemas {
			below = append(below, &schemas[i])
		}
	}
	byName := func(schemas map[string]apiextensions.JSONSchemaProps) {
		for _, name := range slices.Sorted(maps.Keys(schemas)) {
			schema := schemas[name]
			below = append(below, &schema)
		}
	}
	one := func(schema *apiextensions.JSONSchemaProps) {
		if schema != nil {
			below = append(below, schema)
		}
	}
	if s.Items != nil {
		one(s.Items.Schema)
		list(s.Items.JSONSchemas)
	}
	list(s.AllOf)
	list(s.AnyOf)
	list(s.OneOf)
	one(s.Not)
	byName(s.Properties)
	if s.AdditionalProperties != nil {
		one(s.AdditionalProperties.Schema)
	}
	byName(s.PatternProperties)
	if s.AdditionalItems != nil {
		one(s.AdditionalItems.Schema)
	}
	byName(s.Definitions)
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		one(s.Dependencies[name].Schema)
	}
	return below
}

// each visits a schema and all below it.
func each(s *apiextensions.JSONSchemaProps, visit func(*apiextensions.JSONSchemaProps)) {
	if s == nil {
		return
	}
	visit(s)
	for _, child := range children(s) {
		each(child, visit)
	}
}

// schemasOf returns the schemas of a definition: the one of all versions, or
// each version's.
func schemasOf(spec *apiextensions.CustomResourceDefinitionSpec) (schemas []*apiextensions.JSONSchemaProps) {
	if spec.Validation != nil && spec.Validation.OpenAPIV3Schema != nil {
		schemas = append(schemas, spec.Validation.OpenAPIV3Schema)
	}
	for _, version := range spec.Versions {
		if version.Schema != nil && version.Schema.OpenAPIV3Schema != nil {
			schemas = append(schemas, version.Schema.OpenAPIV3Schema)
		}
	}
	return schemas
}

// anySchema reports whether a definition has a schema, at any depth, of which
// is holds.
func anySchema(spec *apiextensions.CustomResourceDefinitionSpec, is func(*apiextensions.JSONSchemaProps) bool) bool {
	found := false
	for _, schema := range schemasOf(spec) {
		each(schema, func(s *apiextensions.JSONSchemaProps) { found = found || is(s) })
	}
	return found
}
