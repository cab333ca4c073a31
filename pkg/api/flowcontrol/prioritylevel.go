package flowcontrol

import (
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

var priorityLevelParts = api.PartsOf(func(obj *flowcontrolv1.PriorityLevelConfiguration) (*flowcontrolv1.PriorityLevelConfigurationSpec, *flowcontrolv1.PriorityLevelConfigurationStatus) {
	return &obj.Spec, &obj.Status
})

// PriorityLevelConfiguration is the resource prioritylevelconfigurations: what
// share of the server the requests of a level may have, and how they wait.
//
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/priority-level-configuration-v1/
var PriorityLevelConfiguration = &api.Resource{
	Group:    flowcontrolv1.GroupName,
	Version:  "v1",
	Kind:     "PriorityLevelConfiguration",
	Plural:   "prioritylevelconfigurations",
	Singular: "prioritylevelconfiguration",
	New:      func() api.Object { return &flowcontrolv1.PriorityLevelConfiguration{} },
	NewList:  func() runtime.Object { return &flowcontrolv1.PriorityLevelConfigurationList{} },

	Default:             defaultPriorityLevel,
	PrepareCreate:       priorityLevelParts.PrepareCreate,
	PrepareUpdate:       priorityLevelParts.PrepareUpdate,
	Validate:            validatePriorityLevel,
	ValidateUpdate:      validatePriorityLevelUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Type", "string", flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()["type"]),
		api.Column("NominalConcurrencyShares", "string", flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc()["nominalConcurrencyShares"]),
		api.Column("Queues", "string", queuingDoc["queues"]),
		api.Column("HandSize", "string", queuingDoc["handSize"]),
		api.Column("QueueLengthLimit", "string", queuingDoc["queueLengthLimit"]),
		api.AgeColumn,
	},
	Row: priorityLevelRow,

	Subresources: []api.Subresource{
		priorityLevelParts.StatusAlone(validatePriorityLevelStatus),
	},
}

var queuingDoc = flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()

func defaultPriorityLevel(obj api.Object) {
	spec := &obj.(*flowcontrolv1.PriorityLevelConfiguration).Spec
	if exempt := spec.Exempt; exempt != nil {
		setIfNil(&exempt.NominalConcurrencyShares, 0)
		setIfNil(&exempt.LendablePercent, 0)
	}
	limited := spec.Limited
	if limited == nil {
		return
	}
	setIfNil(&limited.NominalConcurrencyShares, 30)
	setIfNil(&limited.LendablePercent, 0)
	if queuing := limited.LimitResponse.Queuing; queuing != nil {
		setIfZero(&queuing.Queues, 64)
		setIfZero(&queuing.HandSize, 8)
		setIfZero(&queuing.QueueLengthLimit, 50)
	}
}

func setIfNil(to **int32, value int32) {
	if *to == nil {
		*to = ptr.To(value)
	}
}

func setIfZero(to *int32, value int32) {
	if *to == 0 {
		*to = value
	}
}

func priorityLevelRow(obj api.Object, now time.Time) []any {
	level := obj.(*flowcontrolv1.PriorityLevelConfiguration)
	var shares, queues, hand, length any = api.None, api.None, api.None, api.None
	if limited := level.Spec.Limited; limited != nil {
		shares = limited.NominalConcurrencyShares
		if q := limited.LimitResponse.Queuing; q != nil {
			queues, hand, length = q.Queues, q.HandSize, q.QueueLengthLimit
		}
	}
	return []any{level.Name, string(level.Spec.Type), shares, queues, hand, length, api.Age(level.CreationTimestamp, now)}
}
