package api

import (
	"context"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// Scale returns the subresource through which every workload's size is read
// and written in the same way.
//
// https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/scale-v1/
func Scale(get func(Object) (Object, error), put func(context.Context, Object, Object) error) Subresource {
	return Subresource{
		Name:  "scale",
		Verbs: []string{"get", "patch", "update"},
		Kind:  autoscalingv1.SchemeGroupVersion.WithKind("Scale"),
		New:   func() Object { return &autoscalingv1.Scale{} },
		Get:   get,
		Put:   put,

		Columns: []metav1.TableColumnDefinition{
			Column("Name", "string", NameColumn.Description),
			Column("Desired", "integer", autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"]),
			Column("Available", "integer", autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"]),
			AgeColumn,
		},
		Row: func(body Object, now time.Time) []any {
			scale := body.(*autoscalingv1.Scale)
			return []any{scale.Name, int64(scale.Spec.Replicas), int64(scale.Status.Replicas), Age(scale.CreationTimestamp, now)}
		},
	}
}

// NewScale returns the size of a workload: how many replicas it wants, how many
// there are at present, and which pods they are.
func NewScale(parent Object, replicas *int32, current int32, selector *metav1.LabelSelector) (Object, error) {
	pods, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, err
	}
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: parent.GetName(), Namespace: parent.GetNamespace(), UID: parent.GetUID(),
			ResourceVersion: parent.GetResourceVersion(), CreationTimestamp: parent.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: ptr.Deref(replicas, 0)},
		Status: autoscalingv1.ScaleStatus{Replicas: current, Selector: pods.String()},
	}, nil
}

// PutScale takes the wanted number of replicas from scale.
func PutScale(replicas **int32, scale *autoscalingv1.Scale) error {
	if errs := apivalidation.ValidateNonnegativeField(int64(scale.Spec.Replicas), field.NewPath("spec", "replicas")); len(errs) > 0 {
		return errors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), scale.Name, errs)
	}
	*replicas = ptr.To(scale.Spec.Replicas)
	return nil
}
