package scheduling

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
)

// PriorityClass is the resource priorityclasses.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/priority-class-v1/
var PriorityClass = &api.Resource{
	Group:      schedulingv1.GroupName,
	Version:    "v1",
	Kind:       "PriorityClass",
	Plural:     "priorityclasses",
	Singular:   "priorityclass",
	ShortNames: []string{"pc"},
	New:        func() api.Object { return &schedulingv1.PriorityClass{} },
	NewList:    func() runtime.Object { return &schedulingv1.PriorityClassList{} },

	Default: func(obj api.Object) {
		if class := obj.(*schedulingv1.PriorityClass); class.PreemptionPolicy == nil {
			class.PreemptionPolicy = ptr.To(corev1.PreemptLowerPriority)
		}
	},
	PrepareCreate:       func(_ context.Context, obj api.Object) { obj.SetGeneration(1) },
	Validate:            validatePriorityClass,
	ValidateUpdate:      validatePriorityClassUpdate,
	UnconditionalUpdate: true,

	Columns: priorityClassColumns,
	Row: func(obj api.Object, now time.Time) []any {
		class := obj.(*schedulingv1.PriorityClass)
		return []any{class.Name, int64(class.Value), class.GlobalDefault, api.Age(class.CreationTimestamp, now),
			string(ptr.Deref(class.PreemptionPolicy, corev1.PreemptLowerPriority))}
	},
}

var priorityClassDoc = schedulingv1.PriorityClass{}.SwaggerDoc()

var priorityClassColumns = []metav1.TableColumnDefinition{
	api.NameColumn,
	api.Column("Value", "integer", priorityClassDoc["value"]),
	api.Column("Global-Default", "boolean", priorityClassDoc["globalDefault"]),
	api.AgeColumn,
	api.Column("PreemptionPolicy", "string", priorityClassDoc["preemptionPolicy"]),
}

// highestUserPriority is the highest value that is not the system's.
const highestUserPriority = 1000000000

// systemPrefix begins the names of the classes that the system makes for itself.
const systemPrefix = "system-"

// System are the classes that exist in every cluster, with their values.
var System = map[string]int32{
	"system-node-critical":    2*highestUserPriority + 1000,
	"system-cluster-critical": 2 * highestUserPriority,
}

func validatePriorityClass(obj api.Object) (errs field.ErrorList) {
	class := obj.(*schedulingv1.PriorityClass)
	value, known := System[class.Name]
	switch {
	case strings.HasPrefix(class.Name, systemPrefix) && (!known || value != class.Value || class.GlobalDefault):
		errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"), "priority class names with '"+systemPrefix+"' prefix are reserved for system use only. error: "+systemMismatch(class, value, known)))
	case !known && class.Value > highestUserPriority:
		errs = append(errs, field.Forbidden(field.NewPath("value"), fmt.Sprintf("maximum allowed value of a user defined priority is %v", highestUserPriority)))
	}
	if policy := class.PreemptionPolicy; policy != nil {
		errs = append(errs, check.Required(*policy, field.NewPath("preemptionPolicy"), corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	return errs
}

func systemMismatch(class *schedulingv1.PriorityClass, value int32, known bool) string {
	switch {
	case !known:
		return fmt.Sprintf("%v is not a known system priority class", class.Name)
	case value != class.Value:
		return fmt.Sprintf("value of %v PriorityClass must be %v", class.Name, value)
	default:
		return fmt.Sprintf("globalDefault of %v PriorityClass must be false", class.Name)
	}
}

func validatePriorityClassUpdate(obj, old api.Object) (errs field.ErrorList) {
	class, before := obj.(*schedulingv1.PriorityClass), old.(*schedulingv1.PriorityClass)
	if class.Value != before.Value {
		errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
	}
	return append(errs, apivalidation.ValidateImmutableField(class.PreemptionPolicy, before.PreemptionPolicy, field.NewPath("preemptionPolicy"))...)
}
