package core

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"

	"slowmo/pkg/api"
)

// Event is the resource events, served as v1 and as events.k8s.io/v1. Events
// go by themselves after an hour.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
var Event = &api.Resource{
	Version:    "v1",
	Kind:       "Event",
	Plural:     "events",
	Singular:   "event",
	ShortNames: []string{"ev"},
	Namespaced: true,
	New:        func() api.Object { return &corev1.Event{} },
	NewList:    func() runtime.Object { return &corev1.EventList{} },

	LateMeta:            true,
	Validate:            validateEvent,
	ValidateUpdate:      validateEventUpdate,
	CreateOnUpdate:      true,
	UnconditionalUpdate: true,
	TTL:                 func(api.Object) time.Duration { return time.Hour },

	Columns: eventColumns,
	Row:     eventRow,

	Fields: eventFields,
	FieldNames: []string{"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
		"involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
		"reason", "reportingComponent", "source", "type"},

	Versions: []api.Version{{
		Group: eventsv1.GroupName, Version: "v1",
		New:     func() api.Object { return &eventsv1.Event{} },
		NewList: func() runtime.Object { return &eventsv1.EventList{} },
		To:      eventToV1,
		From:    eventFromV1,
		FieldLabels: map[string]string{
			"regarding.kind": "involvedObject.kind", "regarding.namespace": "involvedObject.namespace",
			"regarding.name": "involvedObject.name", "regarding.uid": "involvedObject.uid",
			"regarding.apiVersion": "involvedObject.apiVersion", "regarding.resourceVersion": "involvedObject.resourceVersion",
			"regarding.fieldPath": "involvedObject.fieldPath", "reportingController": "reportingComponent",
			"reason": "reason", "type": "type",
		},
		Validate:       validateEventV1,
		ValidateUpdate: validateEventV1Update,
	}},
}

var eventDoc = corev1.Event{}.SwaggerDoc()

var eventColumns = []metav1.TableColumnDefinition{
	api.Column("Last Seen", "string", eventDoc["lastTimestamp"]),
	api.Column("Type", "string", eventDoc["type"]),
	api.Column("Reason", "string", eventDoc["reason"]),
	api.Column("Object", "string", eventDoc["involvedObject"]),
	api.WideColumn("Subobject", "string", corev1.ObjectReference{}.SwaggerDoc()["fieldPath"]),
	api.WideColumn("Source", "string", eventDoc["source"]),
	api.Column("Message", "string", eventDoc["message"]),
	api.WideColumn("First Seen", "string", eventDoc["firstTimestamp"]),
	api.WideColumn("Count", "string", eventDoc["count"]),
	{Name: "Name", Type: "string", Format: "name", Priority: 1, Description: api.NameColumn.Description},
}

// eventRow shows old events, which have timestamps and a count, and new ones,
// which have an event time and a series.
func eventRow(obj api.Object, now time.Time) []any {
	e := obj.(*corev1.Event)
	first := api.Age(e.FirstTimestamp, now)
	if e.FirstTimestamp.IsZero() {
		first = api.Age(metav1.NewTime(e.EventTime.Time), now)
	}
	last := api.Age(e.LastTimestamp, now)
	if e.LastTimestamp.IsZero() {
		last = first
	}
	count := e.Count
	switch {
	case e.Series != nil:
		last = api.Age(metav1.NewTime(e.Series.LastObservedTime.Time), now)
		count = e.Series.Count
	case count == 0:
		count = 1
	}
	target := strings.ToLower(e.InvolvedObject.Kind)
	if e.InvolvedObject.Name != "" {
		target += "/" + e.InvolvedObject.Name
	}
	return []any{
		last, e.Type, e.Reason, target, e.InvolvedObject.FieldPath, eventSource(e),
		strings.TrimSpace(e.Message), first, int64(count), e.Name,
	}
}

func eventSource(e *corev1.Event) string {
	component, instance := e.Source.Component, e.Source.Host
	if component == "" {
		component = e.ReportingController
	}
	if instance == "" {
		instance = e.ReportingInstance
	}
	if instance == "" {
		return component
	}
	return fmt.Sprintf("%s, %s", component, instance)
}

func eventFields(obj api.Object) fields.Set {
	e := obj.(*corev1.Event)
	source := e.Source.Component
	if source == "" {
		source = e.ReportingController
	}
	return fields.Set{
		"involvedObject.kind":            e.InvolvedObject.Kind,
		"involvedObject.namespace":       e.InvolvedObject.Namespace,
		"involvedObject.name":            e.InvolvedObject.Name,
		"involvedObject.uid":             string(e.InvolvedObject.UID),
		"involvedObject.apiVersion":      e.InvolvedObject.APIVersion,
		"involvedObject.resourceVersion": e.InvolvedObject.ResourceVersion,
		"involvedObject.fieldPath":       e.InvolvedObject.FieldPath,
		"reason":                         e.Reason,
		"reportingComponent":             e.ReportingController,
		"source":                         source,
		"type":                           e.Type,
	}
}
