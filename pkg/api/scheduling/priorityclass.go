package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// PriorityClass is the resource priorityclasses.
var PriorityClass = &api.Resource{
	Group:      "scheduling.k8s.io",
	Version:    "v1",
	Kind:       "PriorityClass",
	Plural:     "priorityclasses",
	Singular:   "priorityclass",
	ShortNames: []string{"pc"},
	New:        func() api.Object { return &schedulingv1.PriorityClass{} },
	NewList:    func() runtime.Object { return &schedulingv1.PriorityClassList{} },
}
