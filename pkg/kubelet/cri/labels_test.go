package cri

import (
	"reflect"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestWhatALaterKubeletLearns(t *testing.T) {
	grace := int64(7)
	hook := &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"bye"}}}
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"}, Spec: v1.PodSpec{TerminationGracePeriodSeconds: &grace}}
	c := &v1.Container{
		Name: "c", Image: "i", TerminationMessagePath: "/t", TerminationMessagePolicy: v1.TerminationMessageFallbackToLogsOnError,
		Lifecycle: &v1.Lifecycle{PreStop: hook},
	}
	got := ParseInfo(Labels(pod, "c"), ContainerAnnotations(pod, c, 3))
	want := Info{
		PodUID: "u", PodName: "p", PodNamespace: "ns", Name: "c", Hash: Hash(c), RestartCount: 3, GraceSeconds: 7,
		TerminationPath: "/t", TerminationPolicy: v1.TerminationMessageFallbackToLogsOnError, PreStop: hook,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	mangled := ParseInfo(nil, map[string]string{hashAnnotation: "x", restartCountAnnotation: "y", containerGraceAnnotation: "z", preStopAnnotation: "{"})
	if mangled != (Info{GraceSeconds: 30}) {
		t.Errorf("of mangled annotations: %+v", mangled)
	}
}

func TestHashKnowsTheImage(t *testing.T) {
	a, b := &v1.Container{Name: "c", Image: "i:1"}, &v1.Container{Name: "c", Image: "i:2"}
	if Hash(a) == Hash(b) {
		t.Error("another image has the same hash")
	}
	b.Image = a.Image
	b.Resources.Limits = v1.ResourceList{v1.ResourceCPU: {}}
	if Hash(a) != Hash(b) {
		t.Error("resources, which change in place, are in the hash")
	}
}

func TestOrphanCanBeStopped(t *testing.T) {
	hook := &v1.LifecycleHandler{Sleep: &v1.SleepAction{Seconds: 1}}
	rt := &Pod{
		Sandboxes:  []*runtimeapi.PodSandboxStatus{{Metadata: &runtimeapi.PodSandboxMetadata{Name: "p", Namespace: "ns"}}},
		Containers: []*Container{{Info: Info{PodName: "p", PodNamespace: "ns", Name: "c", GraceSeconds: 5, PreStop: hook}}},
	}
	pod := Orphan("u", rt)
	if pod.Name != "p" || pod.Namespace != "ns" || pod.UID != "u" || *pod.Spec.TerminationGracePeriodSeconds != 5 || pod.Spec.Containers[0].Lifecycle.PreStop != hook {
		t.Errorf("got %+v", pod)
	}
}
