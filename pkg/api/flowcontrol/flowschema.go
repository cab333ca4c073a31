package flowcontrol

import (
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

var flowSchemaParts = api.PartsOf(func(obj *flowcontrolv1.FlowSchema) (*flowcontrolv1.FlowSchemaSpec, *flowcontrolv1.FlowSchemaStatus) {
	return &obj.Spec, &obj.Status
})

// FlowSchema is the resource flowschemas: which requests belong together, and
// to which priority level they go.
//
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/flow-schema-v1/
var FlowSchema = &api.Resource{
	Group:    flowcontrolv1.GroupName,
	Version:  "v1",
	Kind:     "FlowSchema",
	Plural:   "flowschemas",
	Singular: "flowschema",
	New:      func() api.Object { return &flowcontrolv1.FlowSchema{} },
	NewList:  func() runtime.Object { return &flowcontrolv1.FlowSchemaList{} },

	Default: func(obj api.Object) {
		if spec := &obj.(*flowcontrolv1.FlowSchema).Spec; spec.MatchingPrecedence == 0 {
			spec.MatchingPrecedence = defaultPrecedence
		}
	},
	PrepareCreate:       flowSchemaParts.PrepareCreate,
	PrepareUpdate:       flowSchemaParts.PrepareUpdate,
	Validate:            validateFlowSchema,
	ValidateUpdate:      validateFlowSchemaUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("PriorityLevel", "string", flowcontrolv1.PriorityLevelConfigurationReference{}.SwaggerDoc()["name"]),
		api.Column("MatchingPrecedence", "string", schemaDoc["matchingPrecedence"]),
		api.Column("DistinguisherMethod", "string", schemaDoc["distinguisherMethod"]),
		api.AgeColumn,
		api.Column("MissingPL", "string", "references a broken or non-existent PriorityLevelConfiguration"),
	},
	Row: flowSchemaRow,

	Subresources: []api.Subresource{
		flowSchemaParts.StatusAlone(validateFlowSchemaStatus),
	},
}

var schemaDoc = flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()

// Bounds of the matching precedence. Only the schema "exempt" has the first.
const (
	defaultPrecedence = 1000
	firstPrecedence   = 1
	lastPrecedence    = 10000
)

func flowSchemaRow(obj api.Object, now time.Time) []any {
	schema := obj.(*flowcontrolv1.FlowSchema)
	method := api.None
	if m := schema.Spec.DistinguisherMethod; m != nil {
		method = string(m.Type)
	}
	missing := "?"
	for _, c := range schema.Status.Conditions {
		if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
			missing = string(c.Status)
			break
		}
	}
	return []any{schema.Name, schema.Spec.PriorityLevelConfiguration.Name, schema.Spec.MatchingPrecedence, method,
		api.Age(schema.CreationTimestamp, now), missing}
}
