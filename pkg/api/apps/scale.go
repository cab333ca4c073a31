package apps

import (
	"context"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

// scale returns the subresource through which every workload's size is read
// and written in the same way.
//
// https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/scale-v1/
func scale(get func(api.Object) (api.Object, error), put func(context.Context, api.Object, api.Object) error) api.Subresource {
	return api.Subresource{
		Name:  "scale",
		Verbs: []string{"get", "patch", "update"},
		Kind:  autoscalingv1.SchemeGroupVersion.WithKind("Scale"),
		New:   func() api.Object { return &autoscalingv1.Scale{} },
		Get:   get,
		Put:   put,
	}
}

func newScale(parent api.Object, replicas *int32, current int32, selector *metav1.LabelSelector) (api.Object, error) {
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

func putScale(replicas **int32, scale *autoscalingv1.Scale) error {
	if errs := apivalidation.ValidateNonnegativeField(int64(scale.Spec.Replicas), field.NewPath("spec", "replicas")); len(errs) > 0 {
		return errors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), scale.Name, errs)
	}
	*replicas = ptr.To(scale.Spec.Replicas)
	return nil
}
