package mergetypes

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

var scaleKind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")

// newScaleTypes returns the type of a Scale, the one kind of its group that is no
// resource and comes without a schema. It can be applied all the same, as the
// size of a workload.
func newScaleTypes(scheme *runtime.Scheme) managedfields.TypeConverter {
	parser, err := typed.NewParser(scaleSchema)
	utilruntime.Must(err)
	return managedfields.NewSchemeTypeConverter(scheme, parser)
}

const scaleSchema = `types:
- name: io.k8s.api.autoscaling.v1.Scale
  map:
    fields:
    - {name: apiVersion, type: {scalar: string}}
    - {name: kind, type: {scalar: string}}
    - {name: metadata, type: {namedType: metadata}, default: {}}
    - {name: spec, type: {namedType: spec}, default: {}}
    - {name: status, type: {namedType: status}, default: {}}
- name: spec
  map:
    fields:
    - {name: replicas, type: {scalar: numeric}}
- name: status
  map:
    fields:
    - {name: replicas, type: {scalar: numeric}, default: 0}
    - {name: selector, type: {scalar: string}}
- name: metadata
  map:
    fields:
    - {name: annotations, type: {map: {elementType: {scalar: string}}}}
    - {name: creationTimestamp, type: {scalar: untyped}}
    - {name: deletionGracePeriodSeconds, type: {scalar: numeric}}
    - {name: deletionTimestamp, type: {scalar: untyped}}
    - {name: finalizers, type: {list: {elementType: {scalar: string}, elementRelationship: associative}}}
    - {name: generateName, type: {scalar: string}}
    - {name: generation, type: {scalar: numeric}}
    - {name: labels, type: {map: {elementType: {scalar: string}}}}
    - {name: managedFields, type: {list: {elementType: {namedType: any}, elementRelationship: atomic}}}
    - {name: name, type: {scalar: string}}
    - {name: namespace, type: {scalar: string}}
    - {name: ownerReferences, type: {list: {elementType: {namedType: owner}, elementRelationship: associative, keys: [uid]}}}
    - {name: resourceVersion, type: {scalar: string}}
    - {name: selfLink, type: {scalar: string}}
    - {name: uid, type: {scalar: string}}
- name: owner
  map:
    fields:
    - {name: apiVersion, type: {scalar: string}, default: ""}
    - {name: blockOwnerDeletion, type: {scalar: boolean}}
    - {name: controller, type: {scalar: boolean}}
    - {name: kind, type: {scalar: string}, default: ""}
    - {name: name, type: {scalar: string}, default: ""}
    - {name: uid, type: {scalar: string}, default: ""}
    elementRelationship: atomic
- name: any
  scalar: untyped
  list: {elementType: {namedType: any}, elementRelationship: atomic}
  map: {elementType: {namedType: any}, elementRelationship: separable}
`
