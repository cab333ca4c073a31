package apiextensions

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// schema checks the schema of a version, or the one of all versions. same says
// that it is the stored one.
func (c *check) schema(of *apiextensions.CustomResourceValidation, status, same bool, path *field.Path) (errs field.ErrorList) {
	if of == nil || of.OpenAPIV3Schema == nil {
		return nil
	}
	schema, path := of.OpenAPIV3Schema, path.Child("openAPIV3Schema")
	if status {
		errs = append(errs, validateRoot(schema, path)...)
	}
	if schema.Nullable {
		errs = append(errs, field.Forbidden(path.Child("nullable"), "nullable cannot be true at the root"))
	}
	var root *node
	var unclear field.ErrorList // overlaps with what the walk finds
	if c.structural {
		structural, err := structuralschema.NewStructural(schema)
		if err != nil {
			unclear = field.ErrorList{field.Invalid(path, "", err.Error())}
		} else if wrong := c.structuralErrors(structural, path); len(wrong) > 0 {
			errs = append(errs, wrong...)
		} else {
			root = newRoot(schema)
		}
	}
	w := &walk{check: c, same: same}
	w.visit(schema, path, place{root: true}, root)
	errs = append(append(errs, w.errs...), w.rules...)
	if len(errs) == 0 {
		errs = append(errs, unclear...)
	}
	if root != nil {
		errs = append(errs, root.total.validate(path)...)
	}
	return errs
}

// structuralErrors checks that a schema is structural and that its defaults fit it.
func (c *check) structuralErrors(structural *structuralschema.Structural, path *field.Path) field.ErrorList {
	if errs := structuralschema.ValidateStructural(path, structural); len(errs) > 0 {
		return errs
	}
	errs, err := structuraldefaulting.ValidateDefaults(context.Background(), path, structural, true, !c.unpruned)
	if err != nil {
		return field.ErrorList{field.Invalid(path, "", err.Error())}
	}
	return errs
}

// rootFields are what the root of a schema may say if its status is validated by
// itself, in upstream's order.
var rootFields = []string{"Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum",
	"MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items", "Properties",
	"ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations"}

func validateRoot(schema *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	v := reflect.ValueOf(schema).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch {
		case v.Field(i).IsZero():
		case name == "Type" && schema.Type != "object":
			return field.ErrorList{field.Invalid(path.Child("type"), schema.Type,
				`only "object" is allowed as the type at the root of the schema if the status subresource is enabled`)}
		case !slices.Contains(rootFields, name):
			return field.ErrorList{field.Invalid(path, *schema,
				fmt.Sprintf("only %v fields are allowed at the root of the schema if the status subresource is enabled", rootFields))}
		}
	}
	return nil
}

// walk goes over a schema. The errors of expressions come after all others.
type walk struct {
	*check
	same        bool
	errs, rules field.ErrorList
}

// place is where in a schema the walk is.
type place struct {
	root      bool
	meta      bool        // in the schema of apiVersion, kind or metadata
	noDefault string      // why there may be no default, if so
	uncertain *field.Path // the first schema above whose old and new values cannot be told to be the same
}

func (p place) below(path *field.Path, correlates bool) place {
	p.root = false
	if !correlates && p.uncertain == nil {
		p.uncertain = path
	}
	return p
}

func (w *walk) add(errs ...*field.Error) { w.errs = append(w.errs, errs...) }

// visit checks a schema and all below it. n is nil where expressions are not looked at.
func (w *walk) visit(s *apiextensions.JSONSchemaProps, path *field.Path, at place, n *node) {
	if s == nil {
		return
	}
	before := len(w.errs)
	w.add(w.unsupported(s, at, path)...)
	if s.UniqueItems {
		w.add(field.Forbidden(path.Child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"))
	}
	w.properties(s, path, at, n)
	w.logic(s, path, at)
	if s.Items != nil {
		below := at.below(path, is(s.XListType, "map"))
		w.visit(s.Items.Schema, path.Child("items"), below, n.items(s.Items.Schema))
		for i := range s.Items.JSONSchemas {
			item := &s.Items.JSONSchemas[i]
			w.visit(item, path.Child("items").Index(i), below, n.items(item))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		w.visit(s.Dependencies[name].Schema, path.Child("dependencies").Key(name), at.below(path, true), nil)
	}
	if s.XPreserveUnknownFields != nil && !*s.XPreserveUnknownFields {
		w.add(field.Invalid(path.Child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"))
	}
	w.add(w.lists(s, path)...)
	w.add(validateRules(s, path.Child("x-kubernetes-validations"))...)
	if len(s.XValidations) > 0 && len(w.errs) == before && n != nil {
		w.compile(s, path.Child("x-kubernetes-validations"), at, n)
	}
}

var metaFields = []string{"metadata", "kind", "apiVersion"}

func (w *walk) properties(s *apiextensions.JSONSchemaProps, path *field.Path, at place, n *node) {
	if more := s.AdditionalProperties; more != nil {
		if len(s.Properties) > 0 && (!more.Allows || more.Schema != nil) {
			w.add(field.Forbidden(path.Child("additionalProperties"), "additionalProperties and properties are mutual exclusive"))
		}
		below := at.below(path, true)
		if at.meta {
			below.noDefault = "inside additionalProperties applying to object metadata"
		}
		w.visit(more.Schema, path.Child("additionalProperties"), below, n.values(more.Schema))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		below := at.below(path, cel.MapIsCorrelatable(s.XMapType))
		if (at.root || s.XEmbeddedResource) && slices.Contains(metaFields, name) {
			below.meta = true
			if at.root {
				below.noDefault = "in top-level " + name
			}
		}
		w.visit(&property, path.Child("properties").Key(name), below, n.property(&property, name))
	}
}

// logic goes into what a schema combines.
func (w *walk) logic(s *apiextensions.JSONSchemaProps, path *field.Path, at place) {
	below := at.below(path, true)
	w.visit(s.Not, path.Child("not"), below, nil)
	for _, part := range []struct {
		name    string
		schemas []apiextensions.JSONSchemaProps
	}{{"allOf", s.AllOf}, {"oneOf", s.OneOf}, {"anyOf", s.AnyOf}} {
		for i := range part.schemas {
			w.visit(&part.schemas[i], path.Child(part.name).Index(i), below, nil)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Definitions)) {
		definition := s.Definitions[name]
		w.visit(&definition, path.Child("definitions").Key(name), below, nil)
	}
}

// types are those of OpenAPI, sorted.
var types = []string{"array", "boolean", "integer", "number", "object", "string"}

func knownType(name string) bool { return slices.Contains(types, name) }

// unsupported checks that a schema says nothing of what Kubernetes has no use for.
func (w *walk) unsupported(s *apiextensions.JSONSchemaProps, at place, path *field.Path) (errs field.ErrorList) {
	if !w.anyType && s.Type != "" && !knownType(s.Type) {
		errs = append(errs, field.NotSupported(path.Child("type"), s.Type, types))
	}
	if s.Default != nil && at.noDefault != "" {
		errs = append(errs, field.Forbidden(path.Child("default"), "must not be set "+at.noDefault))
	}
	for _, part := range []struct {
		name  string
		there bool
	}{
		{"id", s.ID != ""}, {"additionalItems", s.AdditionalItems != nil}, {"patternProperties", len(s.PatternProperties) != 0},
		{"definitions", len(s.Definitions) != 0}, {"dependencies", s.Dependencies != nil}, {"$ref", s.Ref != nil},
	} {
		if part.there {
			errs = append(errs, field.Forbidden(path.Child(part.name), part.name+" is not supported"))
		}
	}
	if s.Type == "null" {
		errs = append(errs, field.Forbidden(path.Child("type"), "type cannot be set to null, use nullable as an alternative"))
	}
	if s.Items != nil && len(s.Items.JSONSchemas) != 0 {
		errs = append(errs, field.Forbidden(path.Child("items"), "items must be a schema object and not an array"))
	}
	if at.meta && s.XEmbeddedResource {
		errs = append(errs, field.Forbidden(path.Child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta"))
	}
	return errs
}
