package apps

import (
	"encoding/json"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// ControllerRevision is the resource controllerrevisions: what a DaemonSet's or
// StatefulSet's template was once, to roll back to.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
var ControllerRevision = &api.Resource{
	Group:      appsv1.GroupName,
	Version:    "v1",
	Kind:       "ControllerRevision",
	Plural:     "controllerrevisions",
	Singular:   "controllerrevision",
	Namespaced: true,
	New:        func() api.Object { return &appsv1.ControllerRevision{} },
	NewList:    func() runtime.Object { return &appsv1.ControllerRevisionList{} },

	Validate:            validateControllerRevision,
	ValidateUpdate:      validateControllerRevisionUpdate,
	UnconditionalUpdate: true,

	Columns: []metav1.TableColumnDefinition{
		api.NameColumn,
		api.Column("Controller", "string", "Controller of the object"),
		api.Column("Revision", "string", appsv1.ControllerRevision{}.SwaggerDoc()["revision"]),
		api.AgeColumn,
	},
	Row: controllerRevisionRow,
}

func controllerRevisionRow(obj api.Object, now time.Time) []any {
	revision := obj.(*appsv1.ControllerRevision)
	controller := api.None
	if ref := metav1.GetControllerOf(revision); ref != nil {
		kind := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).GroupKind()
		controller = strings.ToLower(kind.String()) + "/" + ref.Name
	}
	return []any{revision.Name, controller, revision.Revision, api.Age(revision.CreationTimestamp, now)}
}

func validateControllerRevision(obj api.Object) field.ErrorList {
	revision, path := obj.(*appsv1.ControllerRevision), field.NewPath("data")
	errs := validateRevision(revision)
	if len(revision.Data.Raw) == 0 {
		return append(errs, field.Required(path, "data is mandatory"))
	}
	var data any
	if err := json.Unmarshal(revision.Data.Raw, &data); err != nil {
		return append(errs, field.Invalid(path, "<value omitted>", "error parsing data: "+err.Error()))
	}
	switch data.(type) {
	case map[string]any:
	case nil:
		errs = append(errs, field.Required(path, "data is mandatory"))
	default:
		errs = append(errs, field.Required(path, "data must be a valid JSON object"))
	}
	return errs
}

func validateRevision(revision *appsv1.ControllerRevision) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(revision.Revision, field.NewPath("revision"))
}

// validateControllerRevisionUpdate compares the data byte by byte, as upstream
// does: the same data with other spaces in it is other data.
func validateControllerRevisionUpdate(obj, old api.Object) field.ErrorList {
	return append(validateRevision(obj.(*appsv1.ControllerRevision)), apivalidation.ValidateImmutableField(
		obj.(*appsv1.ControllerRevision).Data, old.(*appsv1.ControllerRevision).Data, field.NewPath("data"))...)
}
