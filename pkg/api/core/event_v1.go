package core

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// The newer form of events, events.k8s.io/v1. It wants more of an event than v1,
// and nothing of what only old events have.
//
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/

func eventToV1(stored api.Object) (api.Object, error) {
	e := stored.(*corev1.Event).DeepCopy()
	out := &eventsv1.Event{
		ObjectMeta: e.ObjectMeta, EventTime: e.EventTime,
		ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		Action: e.Action, Reason: e.Reason, Note: e.Message, Type: e.Type,
		Regarding: e.InvolvedObject, Related: e.Related,
		DeprecatedSource: e.Source, DeprecatedCount: e.Count,
		DeprecatedFirstTimestamp: e.FirstTimestamp, DeprecatedLastTimestamp: e.LastTimestamp,
	}
	if e.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out, nil
}

func eventFromV1(served api.Object) (api.Object, error) {
	e := served.(*eventsv1.Event).DeepCopy()
	out := &corev1.Event{
		ObjectMeta: e.ObjectMeta, EventTime: e.EventTime,
		ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		Action: e.Action, Reason: e.Reason, Message: e.Note, Type: e.Type,
		InvolvedObject: e.Regarding, Related: e.Related,
		Source: e.DeprecatedSource, Count: e.DeprecatedCount,
		FirstTimestamp: e.DeprecatedFirstTimestamp, LastTimestamp: e.DeprecatedLastTimestamp,
	}
	if e.Series != nil {
		out.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out, nil
}

func validateEventV1(obj api.Object) field.ErrorList {
	e := obj.(*corev1.Event)
	errs := validateEventAs(e, "reportingController")
	errs = append(errs, apivalidation.ValidateObjectMeta(&e.ObjectMeta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
	errs = append(errs, validateEventSeries(e)...)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", fmt.Sprintf("has invalid value: %v", e.Type)))
	}
	for _, old := range []struct {
		name string
		set  bool
	}{
		{"firstTimestamp", !e.FirstTimestamp.IsZero()},
		{"lastTimestamp", !e.LastTimestamp.IsZero()},
		{"count", e.Count != 0},
		{"source", e.Source != corev1.EventSource{}},
	} {
		if old.set {
			errs = append(errs, field.Invalid(field.NewPath(old.name), "", "needs to be unset"))
		}
	}
	return errs
}

func validateEventSeries(e *corev1.Event) (errs field.ErrorList) {
	if e.Series == nil {
		return nil
	}
	if e.Series.Count < 2 {
		errs = append(errs, field.Invalid(field.NewPath("series.count"), "", "should be at least 2"))
	}
	if e.Series.LastObservedTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("series.lastObservedTime"), ""))
	}
	return errs
}

// validateEventV1Update lets nothing but the series of an event change.
func validateEventV1Update(obj, old api.Object) field.ErrorList {
	e, was := obj.(*corev1.Event), old.(*corev1.Event)
	errs := validateEventAs(e, "reportingController")
	errs = append(errs, apivalidation.ValidateObjectMetaUpdate(&e.ObjectMeta, &was.ObjectMeta, field.NewPath("metadata"))...)
	if !equality.Semantic.DeepEqual(e.Series, was.Series) {
		errs = append(errs, validateEventSeries(e)...)
	}
	fixed := func(name string, now, before any) {
		if !equality.Semantic.DeepEqual(now, before) {
			errs = append(errs, field.Invalid(field.NewPath(name), api.Internal(now), apivalidation.FieldImmutableErrorMsg))
		}
	}
	fixed("involvedObject", e.InvolvedObject, was.InvolvedObject)
	fixed("reason", e.Reason, was.Reason)
	fixed("message", e.Message, was.Message)
	fixed("source", e.Source, was.Source)
	fixed("firstTimestamp", e.FirstTimestamp, was.FirstTimestamp)
	fixed("lastTimestamp", e.LastTimestamp, was.LastTimestamp)
	fixed("count", e.Count, was.Count)
	fixed("reason", e.Reason, was.Reason)
	fixed("type", e.Type, was.Type)
	// Encodings differ in what they keep below a microsecond.
	if !e.EventTime.Truncate(time.Microsecond).Equal(was.EventTime.Truncate(time.Microsecond)) {
		fixed("eventTime", e.EventTime, was.EventTime)
	}
	fixed("action", e.Action, was.Action)
	fixed("related", e.Related, was.Related)
	fixed("reportingController", e.ReportingController, was.ReportingController)
	fixed("reportingInstance", e.ReportingInstance, was.ReportingInstance)
	return errs
}
