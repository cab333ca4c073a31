package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// Limits of the fields that a new event must have.
const (
	eventFieldLimit = 128
	eventNoteLimit  = 1024
)

func validateEvent(obj api.Object) field.ErrorList {
	return validateEventAs(obj.(*corev1.Event), "reportingComponent")
}

// validateEventAs tells old events from new ones, which have an event time.
// controller is what the version of the request calls the reporting controller.
func validateEventAs(e *corev1.Event, controller string) (errs field.ErrorList) {
	if e.EventTime.IsZero() {
		errs = validateOldEvent(e)
	} else {
		errs = validateNewEvent(e, field.NewPath(controller))
	}
	for _, msg := range validation.IsDNS1123Subdomain(e.Namespace) {
		errs = append(errs, field.Invalid(field.NewPath("namespace"), e.Namespace, msg))
	}
	return errs
}

func validateOldEvent(e *corev1.Event) field.ErrorList {
	about := e.InvolvedObject.Namespace
	agree := e.Namespace == about
	if about == "" {
		agree = e.Namespace == metav1.NamespaceNone || e.Namespace == metav1.NamespaceDefault
	}
	if agree {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("involvedObject", "namespace"), about, "does not match event.namespace")}
}

func validateNewEvent(e *corev1.Event, controller *field.Path) (errs field.ErrorList) {
	if e.InvolvedObject.Namespace == "" && e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem {
		errs = append(errs, field.Invalid(field.NewPath("involvedObject", "namespace"), e.InvolvedObject.Namespace, "does not match event.namespace"))
	}
	if e.ReportingController == "" {
		errs = append(errs, field.Required(controller, ""))
	}
	errs = append(errs, check.QualifiedName(e.ReportingController, controller)...)
	errs = append(errs, validateEventText(e.ReportingInstance, "reportingInstance")...)
	errs = append(errs, validateEventText(e.Action, "action")...)
	errs = append(errs, validateEventText(e.Reason, "reason")...)
	if len(e.Message) > eventNoteLimit {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %v characters", eventNoteLimit)))
	}
	return errs
}

func validateEventText(value, name string) field.ErrorList {
	switch path := field.NewPath(name); {
	case value == "":
		return field.ErrorList{field.Required(path, "")}
	case len(value) > eventFieldLimit:
		return field.ErrorList{field.Invalid(path, "", fmt.Sprintf("can have at most %v characters", eventFieldLimit))}
	}
	return nil
}

func validateEventUpdate(obj, _ api.Object) field.ErrorList { return validateEvent(obj) }
