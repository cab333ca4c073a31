package pods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	informers "k8s.io/client-go/informers/core/v1"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cgroup"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/fake"
	"slowmo/pkg/kubelet/images"
	"slowmo/pkg/kubelet/internal/fakeapi"
	"slowmo/pkg/kubelet/objects"
	"slowmo/pkg/kubelet/spec"
)

// node is a fake node: an API, a runtime, and a Manager between them that can be
// stopped and started.
type node struct {
	t       *testing.T
	client  *fakeapi.API
	starts  int
	runtime *fake.Runtime
	via     cri.Runtime // what the kubelet calls; the runtime unless a test puts something between
	events  *record.FakeRecorder
	manager *Manager
	cancel  context.CancelFunc
	stop    func()
}

func newNode(t *testing.T) *node {
	n := &node{t: t, client: fakeapi.New(), runtime: fake.New(0), events: record.NewFakeRecorder(1000)}
	n.via = n.runtime
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *node) start() {
	cgroups, err := cgroup.New("", cgroup.Cgroupfs)
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	source := objects.NewWatcher(n.client)
	pods := informers.NewPodInformer(n.client, metav1.NamespaceAll, 0, nil)
	m := New(Config{
		NodeName: "node1", HostIPs: []string{"192.0.2.2"}, RuntimeName: func() string { return "fake" },
		MaxPods: 3, Allocatable: func() v1.ResourceList { return nil },
		Client: n.client, Pods: pods, Services: func(string) []*v1.Service { return nil },
		Objects: source, Recorder: n.events, Runtime: n.via,
		Images: images.NewPuller(n.via, n.events, images.NewMetrics(prometheus.NewRegistry())),
		Spec:   &spec.Host{Cgroups: cgroups}, Metrics: NewMetrics(prometheus.NewRegistry(), prometheus.NewRegistry()),
		Volumes:   func(types.UID) Volumes { return fake.Volumes{} },
		KnownPods: func() ([]types.UID, error) { return nil, nil },
		PodDir:    func(types.UID) string { return "" },
		Relist:    time.Hour, RelistWithoutEvents: time.Hour, // events alone have to do
	})
	n.manager, n.cancel = m, cancel
	var wg sync.WaitGroup
	wg.Go(func() { pods.RunWithContext(ctx) })
	wg.Go(func() {
		if err := m.Run(ctx); err != nil {
			n.t.Error(err)
		}
	})
	n.starts++
	n.client.Await(n.t, "pods", n.starts)
	n.stop = func() {
		cancel()
		wg.Wait()
		source.Close()
	}
}

// restart is what a restart of the kubelet is.
func (n *node) restart() {
	n.stop()
	n.start()
}

// create binds a pod with one container to the node.
func (n *node) create(name string, change ...func(*v1.Pod)) {
	n.t.Helper()
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID("uid-" + name), Generation: 1}}
	pod.Spec.RestartPolicy = v1.RestartPolicyAlways
	pod.Spec.Containers = []v1.Container{{Name: "c", Image: "example.com/app:1"}}
	for _, c := range change {
		c(pod)
	}
	if _, err := n.client.CoreV1().Pods("default").Create(n.t.Context(), pod, metav1.CreateOptions{}); err != nil {
		n.t.Fatal(err)
	}
}

// delete is what kubectl delete does to a pod on a node.
func (n *node) delete(name string) {
	n.t.Helper()
	pod := n.get(name)
	now, grace := metav1.Now(), int64(1)
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	pod.Generation++
	if _, err := n.client.CoreV1().Pods("default").Update(n.t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		n.t.Fatal(err)
	}
}

// get returns nil for a pod that is not there.
func (n *node) get(name string) *v1.Pod {
	n.t.Helper()
	pod, err := n.client.CoreV1().Pods("default").Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return pod
}

// until waits for what must come, and says what was there if it does not.
func (n *node) until(what string, cond func() (bool, any)) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, seen := cond()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("it never came to be that %s; last seen: %+v", what, seen)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// phase waits for a pod's phase and returns the pod.
func (n *node) phase(name string, want v1.PodPhase) *v1.Pod {
	n.t.Helper()
	var pod *v1.Pod
	n.until(fmt.Sprintf("%s is %s", name, want), func() (bool, any) {
		pod = n.get(name)
		return pod != nil && pod.Status.Phase == want, pod
	})
	return pod
}

// has is what the runtime has of a pod.
func (n *node) has(name string) *cri.Pod {
	n.t.Helper()
	rt, err := cri.ReadPod(context.Background(), n.runtime, types.UID("uid-"+name))
	if err != nil {
		n.t.Fatal(err)
	}
	return rt
}

// writes are those to pods, but for their creation and the tests' own.
func (n *node) writes() []string {
	var list []string
	for _, a := range n.client.Actions() {
		if _, ok := a.(clienttesting.PatchAction); ok || a.GetVerb() == "delete" {
			list = append(list, strings.Trim(a.GetVerb()+" "+a.GetResource().Resource+"/"+a.GetSubresource(), "/"))
		}
	}
	return list
}

// said are the events recorded so far, as "Type Reason".
func (n *node) said() []string {
	var list []string
	for {
		select {
		case e := <-n.events.Events:
			words := strings.SplitN(e, " ", 3)
			list = append(list, words[0]+" "+words[1])
		default:
			return list
		}
	}
}

func TestPodStartsAndEnds(t *testing.T) {
	n := newNode(t)
	n.create("p")
	pod := n.phase("p", v1.PodRunning)
	st := pod.Status.ContainerStatuses[0]
	if !st.Ready || st.ContainerID != "fake://"+n.has("p").Container("c").Id || pod.Status.PodIP == "" || pod.Status.HostIP != "192.0.2.2" {
		t.Errorf("status %+v", pod.Status)
	}
	if got := fmt.Sprint(n.writes()); got != "[patch pods/status]" {
		t.Errorf("the start took %s, want one status patch", got)
	}
	if got, want := fmt.Sprint(n.said()), "[Normal Pulling Normal Pulled Normal Created Normal Started]"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	n.delete("p")
	n.until("the pod is gone", func() (bool, any) { p := n.get("p"); return p == nil, p })
	n.until("the runtime has nothing", func() (bool, any) { p := n.has("p"); return p.Empty(), p })
	if got := fmt.Sprint(n.writes()); got != "[patch pods/status patch pods/status delete pods]" {
		t.Errorf("start and end took %s", got)
	}
	if got := fmt.Sprint(n.said()); got != "[Normal Killing]" {
		t.Errorf("events at the end %s", got)
	}
}

func TestCrashedContainerRestarts(t *testing.T) {
	n := newNode(t)
	n.create("p")
	n.phase("p", v1.PodRunning)
	first := n.has("p").Container("c").Id
	if err := n.runtime.Exit(first, 3); err != nil {
		t.Fatal(err)
	}
	n.until("it runs again", func() (bool, any) {
		s := n.get("p").Status.ContainerStatuses[0]
		return s.State.Running != nil && s.RestartCount == 1 && s.LastTerminationState.Terminated != nil && s.LastTerminationState.Terminated.ExitCode == 3, s
	})
	// The second crash makes it wait.
	if err := n.runtime.Exit(n.has("p").Container("c").Id, 1); err != nil {
		t.Fatal(err)
	}
	n.until("it backs off", func() (bool, any) {
		s := n.get("p").Status.ContainerStatuses[0]
		return s.State.Waiting != nil && s.State.Waiting.Reason == "CrashLoopBackOff" &&
			s.State.Waiting.Message == "back-off 10s restarting failed container=c pod=p_default(uid-p)", s
	})
}

func TestRestartOfTheKubeletRestartsNothing(t *testing.T) {
	n := newNode(t)
	n.create("p")
	before := n.phase("p", v1.PodRunning)
	id := n.has("p").Container("c").Id
	n.client.ClearActions()
	n.restart()
	n.create("q") // when it runs, p has long been looked at
	n.phase("q", v1.PodRunning)
	if rt := n.has("p"); len(rt.Containers) != 1 || rt.Container("c").Id != id || len(rt.Sandboxes) != 1 {
		t.Errorf("after the restart: %+v", rt)
	}
	if after := n.get("p"); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the status was written again: %+v", after.Status)
	}
}

func TestPodDeletedWhileTheKubeletWasAway(t *testing.T) {
	n := newNode(t)
	n.create("p")
	n.phase("p", v1.PodRunning)
	n.stop()
	if err := n.client.CoreV1().Pods("default").Delete(t.Context(), "p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.until("its containers are gone", func() (bool, any) { p := n.has("p"); return p.Empty(), p })
}

func TestPodThatFinishesKeepsItsContainers(t *testing.T) {
	n := newNode(t)
	n.create("p", func(p *v1.Pod) { p.Spec.RestartPolicy = v1.RestartPolicyNever })
	n.phase("p", v1.PodRunning)
	if err := n.runtime.Exit(n.has("p").Container("c").Id, 0); err != nil {
		t.Fatal(err)
	}
	n.phase("p", v1.PodSucceeded)
	n.until("the sandbox is stopped", func() (bool, any) { p := n.has("p"); return p.Ready() == nil, p })
	if n.has("p").Container("c") == nil {
		t.Error("its log is gone with its container")
	}
	n.restart()
	n.delete("p")
	n.until("all is gone", func() (bool, any) { return n.get("p") == nil && n.has("p").Empty(), n.get("p") })
}

func TestDeadSandboxIsReplaced(t *testing.T) {
	n := newNode(t)
	n.create("p")
	n.phase("p", v1.PodRunning)
	old := n.has("p").Ready().Id
	if _, err := n.runtime.StopPodSandbox(t.Context(), &runtimeapi.StopPodSandboxRequest{PodSandboxId: old}); err != nil {
		t.Fatal(err)
	}
	n.until("another runs", func() (bool, any) {
		rt := n.has("p")
		s, c := rt.Ready(), rt.Container("c")
		return s != nil && s.Id != old && s.Metadata.Attempt == 1 && c != nil && c.Running() && c.SandboxID == s.Id, rt
	})
}

func TestImageThatCannotBePulled(t *testing.T) {
	n := newNode(t)
	n.runtime.Refuse("example.com/app:1")
	n.create("p")
	n.until("it backs off", func() (bool, any) {
		s := n.get("p").Status.ContainerStatuses
		return len(s) > 0 && s[0].State.Waiting != nil && s[0].State.Waiting.Reason == images.ImagePullBackOff, s
	})
	n.delete("p") // in the middle of it
	n.until("it is gone", func() (bool, any) { return n.get("p") == nil && n.has("p").Empty(), n.get("p") })
}

func TestMissingConfigMapIsWaitedFor(t *testing.T) {
	n := newNode(t)
	n.create("p", func(p *v1.Pod) {
		p.Spec.Containers[0].Env = []v1.EnvVar{{Name: "A", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{
			LocalObjectReference: v1.LocalObjectReference{Name: "later"}, Key: "a",
		}}}}
	})
	n.until("it says what is missing", func() (bool, any) {
		s := n.get("p").Status.ContainerStatuses
		return len(s) > 0 && s[0].State.Waiting != nil && s[0].State.Waiting.Reason == configError && s[0].State.Waiting.Message == `configmap "later" not found`, s
	})
	n.client.Await(t, "configmaps", 1)
	start := time.Now()
	cm := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "later", Namespace: "default"}, Data: map[string]string{"a": "1"}}
	if _, err := n.client.CoreV1().ConfigMaps("default").Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.phase("p", v1.PodRunning)
	if took := time.Since(start); took > retryStart {
		t.Errorf("started %v after the ConfigMap: by a timer, not by its event", took)
	}
}

func TestPodsThatCannotRunHere(t *testing.T) {
	n := newNode(t)
	runtime := "kata"
	n.create("odd", func(p *v1.Pod) { p.Spec.RuntimeClassName = &runtime })
	odd := n.phase("odd", v1.PodFailed)
	if odd.Status.Reason != "PodFeatureUnsupported" || !strings.Contains(odd.Status.Message, "spec.runtimeClassName") {
		t.Errorf("status %+v", odd.Status)
	}
	for _, name := range []string{"a", "b", "c"} {
		n.create(name)
		n.phase(name, v1.PodRunning)
	}
	n.create("d")
	if full := n.phase("d", v1.PodFailed); full.Status.Reason != "OutOfpods" {
		t.Errorf("status %+v", full.Status)
	}
}

func TestActiveDeadline(t *testing.T) {
	n := newNode(t)
	one := int64(1)
	n.create("p", func(p *v1.Pod) { p.Spec.ActiveDeadlineSeconds = &one })
	n.phase("p", v1.PodRunning)
	p := n.phase("p", v1.PodFailed)
	if p.Status.Reason != "DeadlineExceeded" {
		t.Errorf("status %+v", p.Status)
	}
}

func TestNetworkThatIsNotReadyYet(t *testing.T) {
	n := newNode(t)
	n.manager.NetworkReady(errors.New("no CNI configuration"))
	n.create("p")
	n.until("it says why it waits", func() (bool, any) {
		said := n.said()
		return slices.Contains(said, "Warning NetworkNotReady"), said
	})
	n.manager.NetworkReady(nil)
	n.phase("p", v1.PodRunning)
}

func TestEphemeralContainer(t *testing.T) {
	n := newNode(t)
	n.create("p")
	pod := n.phase("p", v1.PodRunning)
	pod.Generation++
	pod.Spec.EphemeralContainers = []v1.EphemeralContainer{{
		EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug", Image: "example.com/debug:1"}, TargetContainerName: "c",
	}}
	if _, err := n.client.CoreV1().Pods("default").Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.until("it runs", func() (bool, any) {
		s := n.get("p").Status.EphemeralContainerStatuses
		return len(s) == 1 && s[0].Name == "debug" && s[0].State.Running != nil, s
	})
}

func TestResizeInPlace(t *testing.T) {
	n := newNode(t)
	limit := func(cpu string) v1.ResourceRequirements {
		return v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}}
	}
	n.create("p", func(p *v1.Pod) { p.Spec.Containers[0].Resources = limit("1") })
	n.phase("p", v1.PodRunning)
	id := n.has("p").Container("c").Id
	n.restart() // what the container has is known from its status then
	pod := n.get("p")
	pod.Generation++
	pod.Spec.Containers[0].Resources = limit("2")
	if _, err := n.client.CoreV1().Pods("default").Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.until("its quota is doubled", func() (bool, any) {
		c := n.has("p").Container("c")
		return c.GetResources().GetLinux().GetCpuQuota() == 200_000 && c.Id == id, c
	})
	// A resource whose policy says so takes a restart.
	pod = n.get("p")
	pod.Generation++
	pod.Spec.Containers[0].Resources = limit("3")
	pod.Spec.Containers[0].ResizePolicy = []v1.ContainerResizePolicy{{ResourceName: v1.ResourceCPU, RestartPolicy: v1.RestartContainer}}
	if _, err := n.client.CoreV1().Pods("default").Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.until("another runs", func() (bool, any) {
		c := n.has("p").Container("c")
		return c.Running() && c.Id != id, c
	})
}
