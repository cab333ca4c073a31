package admission

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/apiserver/storetest"
)

func (w *world) node(name, os string, features ...string) {
	node := &corev1.Node{}
	node.Name, node.Labels = name, map[string]string{corev1.LabelOSStable: os}
	node.Status.Allocatable = amounts("cpu", "2", "memory", "1Gi")
	node.Status.DeclaredFeatures = features
	storetest.Put(w, w.store, core.Node, node)
}

// TestPodResize holds the words that kube-apiserver 1.37 answers with.
func TestPodResize(t *testing.T) {
	w := newWorld(t)
	w.node("linux", "linux", "InPlacePodLevelResourcesVerticalScaling")
	w.node("old", "linux")
	w.node("windows", "windows")
	resize := func(node string, change func(*corev1.Pod)) error {
		old := newPod(func(pod *corev1.Pod) {
			pod.Spec.NodeName, pod.Generation = node, 1
			pod.Spec.InitContainers = []corev1.Container{{Name: "i"}}
		})
		pod := old.DeepCopy()
		pod.Generation = 2
		change(pod)
		a := attributes(request.Update, core.Pod, pod, old)
		a.Subresource = "resize"
		return w.admit(a)
	}
	wants := func(pairs ...string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Requests = amounts(pairs...) }
	}
	if err := resize("linux", wants("cpu", "1")); err != nil {
		t.Error(err)
	}
	refused(t, "a node that is gone", resize("gone", wants("cpu", "1")), `pods "web" is forbidden: node "gone" not found`)
	refused(t, "Windows", resize("windows", wants("cpu", "1")), `pod resize is only supported on linux nodes, node "windows" is "windows"`)
	refused(t, "too much", resize("linux", wants("cpu", "3", "memory", "2Gi")),
		"node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824")

	ofPod := func(pod *corev1.Pod) {
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: amounts("cpu", "1")}
	}
	if err := resize("linux", ofPod); err != nil {
		t.Error(err)
	}
	refused(t, "a node without the feature", resize("old", ofPod),
		`pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "old"`)
	refused(t, "an init container", resize("linux", func(pod *corev1.Pod) { pod.Spec.InitContainers[0].Resources.Requests = amounts("cpu", "1") }),
		`pod update requires features InPlacePodVerticalScalingInitContainers which are not available on node "linux"`)
}
