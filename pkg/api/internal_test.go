package api

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestInternal(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{corev1.Taint{Key: "a", Effect: "NoSchedule"}, `{"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}`},
		{&corev1.LocalObjectReference{Name: "<x>"}, `{"Name":"\u003cx\u003e"}`},
		{[]corev1.LocalObjectReference{{Name: "a"}, {Name: "b"}}, `[{"Name":"a"},{"Name":"b"}]`},
		{[]corev1.LocalObjectReference(nil), `null`},
		{networkingv1.IngressTLS{Hosts: []string{"h"}}, `{"Hosts":["h"],"SecretName":""}`},
		{metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, `{"matchLabels":{"a":"b"}}`},
		{corev1.EphemeralContainer{}.EphemeralContainerCommon.EnvFrom, `null`},
		{corev1.NodeSelectorRequirement{Key: "k", Values: []string{"v"}}, `{"Key":"k","Operator":"","Values":["v"]}`},
		{ptr.To[int32](3), `3`},
		{discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}},
			`{"labels":{"a":"b"},"AddressType":"","Endpoints":null,"Ports":null}`},
	} {
		if got := string(Internal(c.value)); got != c.want {
			t.Errorf("%T: got %s want %s", c.value, got, c.want)
		}
	}
}
