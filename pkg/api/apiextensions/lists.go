package apiextensions

import (
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// lists checks what a schema says of how lists and maps are merged.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#custom-resources-and-server-side-apply
func (c *check) lists(s *apiextensions.JSONSchemaProps, path *field.Path) (errs field.ErrorList) {
	if s.XMapType != nil {
		errs = append(errs, requireType(s, "object", "x-kubernetes-map-type", path)...)
		if !slices.Contains([]string{"atomic", "granular"}, *s.XMapType) {
			errs = append(errs, field.NotSupported(path.Child("x-kubernetes-map-type"), *s.XMapType, []string{"atomic", "granular"}))
		}
	}
	listType := path.Child("x-kubernetes-list-type")
	if s.XListType != nil {
		wrong := requireType(s, "array", "x-kubernetes-list-type", path)
		errs = append(errs, wrong...)
		if len(wrong) == 0 && !c.nonAtomicSets {
			errs = append(errs, validateSet(s, path)...)
		}
		if !slices.Contains([]string{"atomic", "set", "map"}, *s.XListType) {
			errs = append(errs, field.NotSupported(listType, *s.XListType, []string{"atomic", "set", "map"}))
		}
	}
	if len(s.XListMapKeys) > 0 {
		const only = "must be map if x-kubernetes-list-map-keys is non-empty"
		if s.XListType == nil {
			errs = append(errs, field.Required(listType, only))
		} else if *s.XListType != "map" {
			errs = append(errs, field.Invalid(listType, *s.XListType, only))
		}
	}
	if is(s.XListType, "map") {
		errs = append(errs, validateListMap(s, path)...)
	}
	if !c.looseMapKeys {
		errs = append(errs, validateKeys(s, path)...)
	}
	return errs
}

func is(word *string, value string) bool { return word != nil && *word == value }

func requireType(s *apiextensions.JSONSchemaProps, kind, by string, path *field.Path) field.ErrorList {
	message := "must be " + kind + " if " + by + " is specified"
	switch s.Type {
	case kind:
		return nil
	case "":
		return field.ErrorList{field.Required(path.Child("type"), message)}
	default:
		return field.ErrorList{field.Invalid(path.Child("type"), s.Type, message)}
	}
}

// validateSet checks that elements of a set are replaced as a whole.
func validateSet(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	if !hasNonAtomicSet(s) {
		return nil
	}
	by := "x-kubernetes-list-type"
	if s.Items.Schema.Type == "object" {
		by = "x-kubernetes-map-type"
	}
	return field.ErrorList{field.Invalid(path.Child("items", by), s.Items.Schema.XListType, "must be atomic as item of a list with x-kubernetes-list-type=set")}
}

func hasNonAtomicSet(s *apiextensions.JSONSchemaProps) bool {
	if !is(s.XListType, "set") || s.Items == nil || s.Items.Schema == nil {
		return false
	}
	switch item := s.Items.Schema; item.Type {
	case "array":
		return item.XListType != nil && *item.XListType != "atomic"
	case "object":
		return !is(item.XMapType, "atomic")
	default:
		return false
	}
}

// validateListMap checks a list whose elements are told apart by keys.
func validateListMap(s *apiextensions.JSONSchemaProps, path *field.Path) (errs field.ErrorList) {
	keys, items := path.Child("x-kubernetes-list-map-keys"), path.Child("items")
	if len(s.XListMapKeys) == 0 {
		errs = append(errs, field.Required(keys, "must not be empty if x-kubernetes-list-type is map"))
	}
	switch {
	case s.Items == nil:
		return append(errs, field.Required(items, "must have a schema if x-kubernetes-list-type is map"))
	case s.Items.Schema == nil:
		return append(errs, field.Invalid(items, s.Items, "must only have a single schema if x-kubernetes-list-type is map"))
	case s.Items.Schema.Type != "object":
		return append(errs, field.Invalid(items.Child("type"), s.Items.Schema.Type, "must be object if parent array's x-kubernetes-list-type is map"))
	}
	for i, key := range s.XListMapKeys {
		if property, ok := s.Items.Schema.Properties[key]; !ok {
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "entries must all be names of item properties"))
		} else if property.Type == "array" || property.Type == "object" {
			errs = append(errs, field.Invalid(items.Child("properties").Key(key).Child("type"), s.Items.Schema.Type, "must be a scalar type if parent array's x-kubernetes-list-type is map"))
		}
		if slices.Contains(s.XListMapKeys[:i], key) {
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "must not contain duplicate entries"))
		}
	}
	return errs
}

// validateKeys checks that elements and their keys are always there.
func validateKeys(s *apiextensions.JSONSchemaProps, path *field.Path) (errs field.ErrorList) {
	if s.Items == nil || s.Items.Schema == nil || !is(s.XListType, "set") && !is(s.XListType, "map") {
		return nil
	}
	item, items := s.Items.Schema, path.Child("items")
	if item.Nullable {
		errs = append(errs, field.Forbidden(items.Child("nullable"), "cannot be nullable when x-kubernetes-list-type is "+*s.XListType))
	}
	if !is(s.XListType, "map") {
		return errs
	}
	for _, key := range s.XListMapKeys {
		property, ok := item.Properties[key]
		if !ok {
			continue
		}
		path := items.Child("properties").Key(key)
		if property.Default == nil && !slices.Contains(item.Required, key) {
			errs = append(errs, field.Required(path.Child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
		}
		if property.Nullable {
			errs = append(errs, field.Forbidden(path.Child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
		}
	}
	return errs
}
