package bootstrap

import (
	"strconv"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"slowmo/pkg/api"
	flowcontrolapi "slowmo/pkg/api/flowcontrol"
)

func (c Config) priorityLevels() (wishes []wish) {
	levels := c.Store.Collection(flowcontrolapi.PriorityLevelConfiguration)
	for _, wanted := range flowcontrolapi.PriorityLevels() {
		wishes = append(wishes, wish{collection: levels, object: wanted, merge: func(present api.Object) api.Object {
			return mergePriorityLevel(present.(*flowcontrolv1.PriorityLevelConfiguration), wanted)
		}})
	}
	return wishes
}

// flowSchemas come after the priority levels, to which they refer.
func (c Config) flowSchemas() (wishes []wish) {
	schemas := c.Store.Collection(flowcontrolapi.FlowSchema)
	for _, wanted := range flowcontrolapi.FlowSchemas() {
		wishes = append(wishes, wish{collection: schemas, object: wanted, merge: func(present api.Object) api.Object {
			return mergeFlowSchema(present.(*flowcontrolv1.FlowSchema), wanted)
		}})
	}
	return wishes
}

func mergePriorityLevel(present, wanted *flowcontrolv1.PriorityLevelConfiguration) api.Object {
	next, spec := present.DeepCopy(), wanted.Spec
	if present.Spec.Exempt != nil && spec.Exempt != nil {
		spec.Exempt = present.Spec.Exempt // the administrator's
	}
	if autoUpdated(present) && !equality.Semantic.DeepEqual(present.Spec, spec) {
		next.Spec = spec
		next.Generation++
	}
	return changed(present, next)
}

func mergeFlowSchema(present, wanted *flowcontrolv1.FlowSchema) api.Object {
	next := present.DeepCopy()
	if autoUpdated(present) && !equality.Semantic.DeepEqual(present.Spec, wanted.Spec) {
		next.Spec = wanted.Spec
		next.Generation++
	}
	return changed(present, next)
}

// autoUpdated reports whether the server keeps the spec of an object as it
// should be: the annotation says so, or nobody has changed the spec yet.
func autoUpdated(obj api.Object) bool {
	if auto, err := strconv.ParseBool(obj.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]); err == nil {
		return auto
	}
	return obj.GetGeneration() == 1
}
