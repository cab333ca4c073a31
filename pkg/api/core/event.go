package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Event is the resource events.
var Event = &api.Resource{
	Version:    "v1",
	Kind:       "Event",
	Plural:     "events",
	Singular:   "event",
	ShortNames: []string{"ev"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.Event{} },
	NewList:    func() runtime.Object { return &corev1.EventList{} },
}
