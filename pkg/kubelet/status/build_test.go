package status

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/plan"
)

var now = metav1.NewTime(time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC))

// hello is the pod of the article with the status that upstream's kubelet gave it.
func hello(t *testing.T) *v1.Pod {
	t.Helper()
	data, err := os.ReadFile("testdata/hello.json")
	if err != nil {
		t.Fatal(err)
	}
	pod := &v1.Pod{}
	if err := json.Unmarshal(data, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func readySandbox(ip string) *runtimeapi.PodSandboxStatus {
	return &runtimeapi.PodSandboxStatus{Id: "s1", Network: &runtimeapi.PodSandboxNetworkStatus{Ip: ip}}
}

func TestHelloIsAsUpstreamReportsIt(t *testing.T) {
	pod := hello(t)
	want := pod.Status
	pod.Status = v1.PodStatus{Phase: v1.PodPending, QOSClass: v1.PodQOSBestEffort}
	container := &cri.Container{SandboxID: "s1", ContainerStatus: &runtimeapi.ContainerStatus{
		Id: "c1", State: runtimeapi.ContainerState_CONTAINER_RUNNING, StartedAt: now.UnixNano(),
		Image: &runtimeapi.ImageSpec{Image: "registry.k8s.io/echoserver:1.4"}, ImageRef: "sha256:d1",
	}}
	container.Name = "hello-node"
	got := Build(Input{
		Pod: pod, Old: pod.Status, Now: now, HostIPs: []string{"192.0.2.2"}, RuntimeName: "containerd",
		Runtime: &cri.Pod{Sandboxes: []*runtimeapi.PodSandboxStatus{readySandbox("10.244.0.7")}, Containers: []*cri.Container{container}},
		Health:  map[string]plan.Health{"c1": {Started: true, Ready: true}},
	})
	a, b := asJSON(t, got), asJSON(t, want)
	if a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// world makes inputs from short words: "a=running", "a=ready", "a=exited:1",
// "a=waiting:Reason"; "i:" marks an init container.
func world(policy v1.RestartPolicy, words ...string) Input {
	in := Input{
		Pod: &v1.Pod{}, Now: now, RuntimeName: "containerd", HostIPs: []string{"192.0.2.2"},
		Runtime: &cri.Pod{Sandboxes: []*runtimeapi.PodSandboxStatus{readySandbox("10.0.0.1")}},
		Health:  map[string]plan.Health{}, Waiting: map[string]v1.ContainerStateWaiting{},
	}
	in.Pod.Spec.RestartPolicy = policy
	for _, word := range words {
		name, what, _ := strings.Cut(word, "=")
		name, init := strings.CutPrefix(name, "i:")
		c := v1.Container{Name: name, Image: "img"}
		if init {
			in.Pod.Spec.InitContainers = append(in.Pod.Spec.InitContainers, c)
		} else {
			in.Pod.Spec.Containers = append(in.Pod.Spec.Containers, c)
		}
		r := &cri.Container{ContainerStatus: &runtimeapi.ContainerStatus{Id: "id-" + name}}
		r.Name = name
		what, arg, _ := strings.Cut(what, ":")
		switch what {
		case "running", "ready":
			r.State = runtimeapi.ContainerState_CONTAINER_RUNNING
			in.Health[r.Id] = plan.Health{Started: true, Ready: what == "ready"}
		case "exited":
			r.State = runtimeapi.ContainerState_CONTAINER_EXITED
			fmt.Sscan(arg, &r.ExitCode)
		case "waiting":
			in.Waiting[name] = v1.ContainerStateWaiting{Reason: arg}
			continue
		default:
			continue
		}
		in.Runtime.Containers = append(in.Runtime.Containers, r)
	}
	return in
}

// sum is phase, the conditions that are true, and each container's state.
func sum(s v1.PodStatus) string {
	parts := []string{string(s.Phase)}
	for _, c := range s.Conditions {
		if c.Status == v1.ConditionTrue && c.Type != v1.PodScheduled {
			parts = append(parts, string(c.Type))
		}
	}
	for _, list := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for _, c := range list {
			switch {
			case c.State.Running != nil:
				parts = append(parts, c.Name+"=running")
			case c.State.Terminated != nil:
				parts = append(parts, fmt.Sprintf("%s=%s:%d", c.Name, c.State.Terminated.Reason, c.State.Terminated.ExitCode))
			case c.State.Waiting != nil:
				parts = append(parts, c.Name+"="+c.State.Waiting.Reason)
			}
		}
	}
	return strings.Join(parts, " ")
}

func TestBuild(t *testing.T) {
	always, never := v1.RestartPolicyAlways, v1.RestartPolicyNever
	for _, c := range []struct {
		name  string
		in    Input
		ended bool
		want  string
	}{
		{"starting", world(always, "a=none"), false, "Pending PodReadyToStartContainers Initialized a=ContainerCreating"},
		{"image missing", world(always, "a=waiting:ImagePullBackOff"), false, "Pending PodReadyToStartContainers Initialized a=ImagePullBackOff"},
		{"not ready", world(always, "a=running"), false, "Running PodReadyToStartContainers Initialized a=running"},
		{"ready", world(always, "a=ready", "b=ready"), false, "Running PodReadyToStartContainers Initialized Ready ContainersReady a=running b=running"},
		{"one of two", world(always, "a=ready", "b=none"), false, "Pending PodReadyToStartContainers Initialized a=running b=ContainerCreating"},
		{"crashed", world(always, "a=exited:1"), false, "Running PodReadyToStartContainers Initialized a=Error:1"},
		{"init runs", world(always, "i:x=running", "a=none"), false, "Pending PodReadyToStartContainers x=running a=PodInitializing"},
		{"init done", world(always, "i:x=exited:0", "a=none"), false, "Pending PodReadyToStartContainers Initialized x=Completed:0 a=PodInitializing"},
		{"init failed", world(never, "i:x=exited:2", "a=none"), true, "Failed x=Error:2 a=ContainerStatusUnknown:137"},
		{"succeeded", world(never, "a=exited:0", "b=exited:0"), true, "Succeeded Initialized a=Completed:0 b=Completed:0"},
		{"failed", world(never, "a=exited:0", "b=exited:3"), true, "Failed Initialized a=Completed:0 b=Error:3"},
		{"deleted before it started", world(always, "a=none"), true, "Failed Initialized a=ContainerStatusUnknown:137"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.in.Ended = c.ended
			if got := sum(Build(c.in)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCrashLoopShowsTheLastEnd(t *testing.T) {
	in := world(v1.RestartPolicyAlways, "a=exited:3")
	in.Waiting["a"] = v1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
	in.Messages = map[string]string{"id-a": "last words"}
	c := Build(in).ContainerStatuses[0]
	if c.State.Waiting == nil || c.State.Waiting.Reason != "CrashLoopBackOff" {
		t.Errorf("state %+v", c.State)
	}
	if last := c.LastTerminationState.Terminated; last == nil || last.ExitCode != 3 || last.Message != "last words" {
		t.Errorf("last state %+v", last)
	}
}

func TestRejectedPodHasNoContainers(t *testing.T) {
	in := world(v1.RestartPolicyAlways, "a=none")
	in.Runtime = &cri.Pod{}
	in.Verdict = &Verdict{Reason: "OutOfpods", Message: "full", Rejected: true}
	s := Build(in)
	if s.Phase != v1.PodFailed || s.Reason != "OutOfpods" || s.Message != "Pod was rejected: full" || len(s.ContainerStatuses) > 0 {
		t.Errorf("got %+v", s)
	}
}

func TestReadinessGates(t *testing.T) {
	in := world(v1.RestartPolicyAlways, "a=ready")
	in.Pod.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "example.com/ok"}}
	message := func() string {
		for _, c := range Build(in).Conditions {
			if c.Type == v1.PodReady {
				return string(c.Status) + " " + c.Message
			}
		}
		return ""
	}
	if got, want := message(), `False corresponding condition of pod readiness gate "example.com/ok" does not exist.`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	in.Old.Conditions = []v1.PodCondition{{Type: "example.com/ok", Status: v1.ConditionTrue}}
	if got := message(); got != "True " {
		t.Errorf("with the gate open: %q", got)
	}
	if s := Build(in); s.Conditions[len(s.Conditions)-1].Type != "example.com/ok" {
		t.Error("the gate's own condition was dropped")
	}
}

func TestTransitionTimesAreKept(t *testing.T) {
	in := world(v1.RestartPolicyAlways, "a=ready")
	first := Build(in)
	in.Old, in.Now = first, metav1.NewTime(now.Add(time.Minute))
	in.Health["id-a"] = plan.Health{Started: true}
	for i, c := range Build(in).Conditions {
		moved := c.LastTransitionTime != first.Conditions[i].LastTransitionTime
		if want := c.Type == v1.PodReady || c.Type == v1.ContainersReady; moved != want {
			t.Errorf("%s: moved %v, want %v", c.Type, moved, want)
		}
	}
}

func TestQOS(t *testing.T) {
	list := func(pairs ...string) v1.ResourceList {
		l := v1.ResourceList{}
		for _, p := range pairs {
			name, q, _ := strings.Cut(p, "=")
			l[v1.ResourceName(name)] = resource.MustParse(q)
		}
		return l
	}
	both := list("cpu=1", "memory=1Gi")
	for _, c := range []struct {
		requests, limits v1.ResourceList
		want             v1.PodQOSClass
	}{
		{nil, nil, v1.PodQOSBestEffort},
		{both, both, v1.PodQOSGuaranteed},
		{nil, both, v1.PodQOSGuaranteed},
		{both, nil, v1.PodQOSBurstable},
		{list("cpu=500m"), both, v1.PodQOSBurstable},
		{nil, list("cpu=1"), v1.PodQOSBurstable},
	} {
		pod := &v1.Pod{}
		pod.Spec.Containers = []v1.Container{{Resources: v1.ResourceRequirements{Requests: c.requests, Limits: c.limits}}}
		if got := QOS(pod); got != c.want {
			t.Errorf("requests %v, limits %v: %s, want %s", c.requests, c.limits, got, c.want)
		}
	}
}

func TestImageName(t *testing.T) {
	for _, c := range [][3]string{
		{"nginx", "x", "docker.io/library/nginx:latest"},
		{"nginx:1", "x", "docker.io/library/nginx:1"},
		{"me/app", "x", "docker.io/me/app:latest"},
		{"k8s.gcr.io/echoserver:1.4", "registry.k8s.io/echoserver:1.4", "k8s.gcr.io/echoserver:1.4"},
		{"localhost/app:1", "x", "localhost/app:1"},
		{"127.0.0.1:5000/app", "x", "127.0.0.1:5000/app:latest"},
		{"nginx@sha256:1", "docker.io/library/nginx:1", "docker.io/library/nginx:1"},
	} {
		if got := imageName(c[0], c[1]); got != c[2] {
			t.Errorf("imageName(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
