package openapi

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// What types say about themselves.
type (
	named       interface{ OpenAPIModelName() string }
	described   interface{ SwaggerDoc() map[string]string }
	schemaTyped interface {
		OpenAPISchemaType() []string
		OpenAPISchemaFormat() string
	}
	oneOfTyped interface{ OpenAPIV3OneOfTypes() []string }
)

// dialect is what the two versions of OpenAPI write in different ways.
type dialect struct {
	refPrefix string // where schemas stand in the document
	v3        bool
}

var (
	swagger2 = dialect{refPrefix: "#/definitions/"}
	openapi3 = dialect{refPrefix: "#/components/schemas/", v3: true}
)

// models collects the schemas of Go types, by their OpenAPI names.
type models struct {
	dialect
	merge   mergeRules
	facts   facts
	kinds   map[reflect.Type][]runtimeschema.GroupVersionKind
	schemas map[string]*schema
}

// add makes the schema of a type and all that it refers to and returns its name.
func (m *models) add(t reflect.Type) string {
	name := reflect.Zero(t).Interface().(named).OpenAPIModelName()
	if _, ok := m.schemas[name]; ok {
		return name
	}
	s := &schema{Description: doc(t)[""]}
	m.schemas[name] = s // before its fields: types may refer to themselves
	for _, gvk := range m.kinds[t] {
		s.Kinds = append(s.Kinds, groupVersionKind{gvk.Group, gvk.Kind, gvk.Version})
	}
	if typed, ok := reflect.Zero(t).Interface().(schemaTyped); ok {
		s.Format = typed.OpenAPISchemaFormat()
		if types := typed.OpenAPISchemaType(); len(types) > 0 { // else it can be anything
			s.Type = types[0]
		}
		if either, ok := typed.(oneOfTyped); ok && m.v3 {
			s.Type = ""
			for _, one := range either.OpenAPIV3OneOfTypes() {
				s.OneOf = append(s.OneOf, schema{Type: one})
			}
		}
		return name
	}
	s.Type = "object"
	if t.Kind() == reflect.Struct && !opaque[name] {
		m.addFields(s, name, t)
		s.MapType = m.merge.mapType(name)
		s.Unions = m.facts.Unions[name]
	}
	return name
}

// opaque types have fields in Go that their JSON does not.
var opaque = map[string]bool{
	"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": true,
	"io.k8s.apimachinery.pkg.runtime.RawExtension":  true,
	"io.k8s.apimachinery.pkg.apis.meta.v1.Patch":    true,
}

func (m *models) addFields(s *schema, name string, t reflect.Type) {
	docs := doc(t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || tag == "-":
			continue
		case f.Anonymous && tag == "":
			// An embedded type's fields are those of the outer one.
			m.addFields(s, name, f.Type)
			continue
		}
		if s.Properties == nil {
			s.Properties = map[string]*schema{}
		}
		s.Properties[tag] = m.property(f, docs[tag], name, tag)
		if !strings.Contains(options, "omit") {
			s.Required = append(s.Required, tag)
		}
	}
	slices.Sort(s.Required)
	if required, ok := m.facts.Required[name]; ok {
		s.Required = required
	}
}

func (m *models) property(f reflect.StructField, description, owner, name string) *schema {
	p, at := m.typeOf(f.Type), owner+"."+name
	rule := m.merge.field(owner, name)
	p.Description = description
	p.PatchStrategy, p.PatchMergeKey = f.Tag.Get("patchStrategy"), f.Tag.Get("patchMergeKey")
	switch p.Type {
	case "array":
		p.ListType, p.ListMapKeys = rule.list, rule.keys
		p.Items.Enum = m.facts.Enums[at]
	case "string":
		p.Enum = m.facts.Enums[at]
	case "object":
		p.MapType = rule.mapType
		if p.AdditionalProperties != nil {
			p.AdditionalProperties.Enum = m.facts.Enums[at]
		}
	}
	if list, ok := m.facts.Lists[at]; ok {
		p.ListType, p.ListMapKeys = list.Type, list.Keys
	}
	if kind, ok := m.facts.Maps[at]; ok {
		p.MapType = kind
	}
	if !m.v3 {
		return p
	}
	p.Default = m.defaultOf(f, at)
	if ref := p.Ref; ref != "" && (name == "default" || !strings.HasSuffix(owner, ".JSONSchemaProps")) { // upstream describes no other field of it
		// Beside a $ref of version 3 nothing else counts.
		p.Ref, p.AllOf = "", []schema{{Ref: ref}}
	}
	return p
}

// defaultOf is what a field is that is not given: the zero value of Go's type
// for what is always written.
func (m *models) defaultOf(f reflect.StructField, at string) any {
	if value, ok := m.facts.Defaults[at]; ok {
		return value
	}
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	always := !strings.Contains(options, "omit")
	switch kind := f.Type.Kind(); {
	case kind == reflect.Struct:
		if _, plain := reflect.Zero(f.Type).Interface().(schemaTyped); plain || f.Type == reflect.TypeFor[runtime.RawExtension]() {
			return nil
		}
		return map[string]any{}
	case kind == reflect.String && always:
		return ""
	case kind == reflect.Bool && always:
		return false
	case (kind == reflect.Int32 || kind == reflect.Int64) && always:
		return 0
	}
	return nil
}

// typeOf returns the schema of a value of type t: written out for plain types,
// a reference for those with a name.
func (m *models) typeOf(t reflect.Type) *schema {
	if _, ok := reflect.Zero(t).Interface().(named); ok && t.Kind() != reflect.Pointer {
		return &schema{Ref: m.refPrefix + m.add(t)}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.typeOf(t.Elem())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return &schema{Type: "string", Format: "byte"}
		}
		return &schema{Type: "array", Items: m.typeOf(t.Elem())}
	case reflect.Map:
		return &schema{Type: "object", AdditionalProperties: m.typeOf(t.Elem())}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Int64, reflect.Uint64, reflect.Int:
		return &schema{Type: "integer", Format: "int64"}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: "number", Format: "double"}
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return &schema{Type: "integer", Format: "int32"}
	default:
		return &schema{Type: "object"}
	}
}

// doc returns the descriptions of a type, under "", and of its fields.
func doc(t reflect.Type) map[string]string {
	if d, ok := reflect.Zero(t).Interface().(described); ok {
		return d.SwaggerDoc()
	}
	return nil
}
