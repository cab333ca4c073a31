package mergetypes

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// newDefinitionTypes returns the types of apiextensions.k8s.io, which come with no
// client of ours. Most of a CustomResourceDefinition is plain: its objects are
// merged by field and its lists replaced. definitionSchema says what is not.
func newDefinitionTypes(scheme *runtime.Scheme) managedfields.TypeConverter {
	parser, err := typed.NewParser(definitionSchema)
	utilruntime.Must(err)
	return managedfields.NewSchemeTypeConverter(scheme, parser)
}

const definitionSchema = `types:
- name: io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition
  map:
    fields:
    - {name: apiVersion, type: {scalar: string}}
    - {name: kind, type: {scalar: string}}
    - {name: metadata, type: {namedType: metadata}, default: {}}
    - {name: spec, type: {namedType: plain}, default: {}}
    - {name: status, type: {namedType: status}, default: {}}
- name: metadata
  map:
    fields:
    - {name: finalizers, type: {list: {elementType: {scalar: string}, elementRelationship: associative}}}
    - {name: ownerReferences, type: {list: {elementType: {namedType: whole}, elementRelationship: associative, keys: [uid]}}}
    elementType: {namedType: plain}
- name: status
  map:
    fields:
    - {name: conditions, type: {list: {elementType: {namedType: plain}, elementRelationship: associative, keys: [type]}}}
    elementType: {namedType: plain}
- name: plain
  scalar: untyped
  list: {elementType: {namedType: plain}, elementRelationship: atomic}
  map: {elementType: {namedType: plain}, elementRelationship: separable}
- name: whole
  map: {elementType: {namedType: plain}, elementRelationship: atomic}
`
