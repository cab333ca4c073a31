package api_test

import (
	"slices"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api"
)

func TestScale(t *testing.T) {
	parent := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "b", ResourceVersion: "7"}}
	obj, err := api.NewScale(parent, ptr.To[int32](3), 2, &metav1.LabelSelector{MatchLabels: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	scale := obj.(*autoscalingv1.Scale)
	if scale.Name != "a" || scale.ResourceVersion != "7" || scale.Spec.Replicas != 3 || scale.Status.Replicas != 2 || scale.Status.Selector != "k=v" {
		t.Errorf("%+v", scale)
	}
	if row := api.Scale(nil, nil).Row(scale, time.Now()); !slices.Equal(row, []any{"a", int64(3), int64(2), "<unknown>"}) {
		t.Errorf("row %v", row)
	}
	var replicas *int32
	scale.Spec.Replicas = 5
	if err := api.PutScale(&replicas, scale); err != nil || *replicas != 5 {
		t.Errorf("%v %v", replicas, err)
	}
	scale.Spec.Replicas = -1
	const want = `Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`
	if err := api.PutScale(&replicas, scale); err == nil || err.Error() != want || *replicas != 5 {
		t.Errorf("got %v, want %s", err, want)
	}
}
