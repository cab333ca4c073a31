package downward

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestField(t *testing.T) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "p", Namespace: "ns", UID: "u", Labels: map[string]string{"b": "2", "a": "1"}, Annotations: map[string]string{"x/y": `q"uote`},
	}}
	node := Node{Name: "node1", HostIPs: []string{"192.0.2.2", "fd00::2"}, PodIPs: []string{"10.0.0.1"}}
	for path, want := range map[string]string{
		"metadata.name": "p", "metadata.namespace": "ns", "metadata.uid": "u", "spec.nodeName": "node1",
		"metadata.labels": "a=\"1\"\nb=\"2\"", "metadata.labels['b']": "2", "metadata.labels['none']": "",
		"metadata.annotations": `x/y="q\"uote"`, "metadata.annotations['x/y']": `q"uote`,
		"status.hostIP": "192.0.2.2", "status.hostIPs": "192.0.2.2,fd00::2", "status.podIP": "10.0.0.1", "status.podIPs": "10.0.0.1",
	} {
		if got, err := Field(pod, path, node); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"spec.containers", "metadata.labels['x", "spec.x['y']", ""} {
		if _, err := Field(pod, path, node); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
}

func TestResource(t *testing.T) {
	pod := &v1.Pod{Spec: v1.PodSpec{
		Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{
			Limits:   v1.ResourceList{v1.ResourceCPU: resource.MustParse("250m"), v1.ResourceMemory: resource.MustParse("100Mi")},
			Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1500m")},
		}}},
		InitContainers: []v1.Container{{Name: "i"}},
	}}
	node := v1.ResourceList{v1.ResourceCPU: resource.MustParse("2")}
	for _, c := range []struct{ container, resource, divisor, want string }{
		{"c", "limits.cpu", "1m", "250"},
		{"c", "limits.cpu", "1", "1"}, // rounded up
		{"c", "limits.cpu", "0", "1"},
		{"c", "requests.cpu", "1", "2"},
		{"c", "limits.memory", "1Mi", "100"},
		{"c", "limits.memory", "0", "104857600"},
		{"i", "limits.cpu", "1", "2"}, // the node's
		{"i", "requests.cpu", "1", "0"},
	} {
		ref := &v1.ResourceFieldSelector{Resource: c.resource, Divisor: resource.MustParse(c.divisor)}
		if got, err := Resource(pod, c.container, ref, node); err != nil || got != c.want {
			t.Errorf("%s of %s by %s: %q, %v, want %s", c.resource, c.container, c.divisor, got, err, c.want)
		}
	}
	if _, err := Resource(pod, "none", &v1.ResourceFieldSelector{Resource: "limits.cpu"}, node); err == nil {
		t.Error("a container that is not there was accepted")
	}
	if _, err := Resource(pod, "c", &v1.ResourceFieldSelector{Resource: "cpu"}, node); err == nil {
		t.Error("a resource without limits or requests was accepted")
	}
}
