package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"

	"slowmo/pkg/component/cause"
)

// deadline is generous: tests wait for events, and only a failure waits for it.
const deadline = 20 * time.Second

// rig is a scheduler on a client that binds as the API server does.
type rig struct {
	*fake.Clientset
	t         *testing.T
	scheduler *Scheduler
	recorder  *events.FakeRecorder

	mu       sync.Mutex
	refusals int // bindings to answer with an error
	bound    chan v1.Binding
	patches  chan string
}

func newRig(t *testing.T, objects ...runtime.Object) *rig {
	r := &rig{
		Clientset: fake.NewClientset(objects...),
		t:         t,
		recorder:  events.NewFakeRecorder(1000),
		bound:     make(chan v1.Binding, 1000),
		patches:   make(chan string, 1000),
	}
	r.PrependReactor("create", "pods", r.bind)
	r.PrependReactor("patch", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		r.patches <- string(action.(clienttesting.PatchAction).GetPatch())
		return false, nil, nil
	})
	config := NewConfig()
	config.PodInitialBackoff = 10 * time.Millisecond
	r.scheduler = New(config, r, r.recorder)
	return r
}

// bind answers pods/binding.
func (r *rig) bind(action clienttesting.Action) (bool, runtime.Object, error) {
	if action.GetSubresource() != "binding" {
		return false, nil, nil
	}
	binding := action.(clienttesting.CreateAction).GetObject().(*v1.Binding)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusals > 0 {
		r.refusals--
		return true, nil, apierrors.NewInternalError(errors.New("no"))
	}
	obj, err := r.Tracker().Get(v1.SchemeGroupVersion.WithResource("pods"), binding.Namespace, binding.Name)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*v1.Pod).DeepCopy()
	pod.Spec.NodeName = binding.Target.Name
	r.bound <- *binding
	return true, binding, r.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), pod, binding.Namespace)
}

// start runs the scheduler until the test ends.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{r.scheduler.Follow, r.scheduler.Lead} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				r.t.Error(err)
			}
		})
	}
	r.t.Cleanup(func() { cancel(); running.Wait() })
}

func (r *rig) create(objects ...runtime.Object) {
	r.t.Helper()
	for _, obj := range objects {
		if err := r.Tracker().Add(obj); err != nil {
			r.t.Fatal(err)
		}
	}
}

func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(deadline):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func newNode(name, cpu string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "7"}}
	n.Status.Allocatable = v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu),
		v1.ResourceMemory: resource.MustParse("8Gi"), v1.ResourcePods: resource.MustParse("110")}
	return n
}

func newPod(name, cpu string, edit ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Generation: 1, ResourceVersion: "9"}}
	p.Spec.SchedulerName = "default-scheduler"
	p.Spec.Containers = []v1.Container{{Name: "c", Image: "i", Resources: v1.ResourceRequirements{
		Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu)}}}}
	for _, e := range edit {
		e(p)
	}
	return p
}

func TestPodIsBound(t *testing.T) {
	r := newRig(t, newNode("a", "4"))
	r.start()
	r.create(newPod("p", "1"))
	got := wait(t, r.bound)
	if got.Name != "p" || got.Target.Kind != "Node" || got.Target.Name != "a" || got.UID != "p" {
		t.Errorf("bound %+v", got)
	}
	if event := wait(t, r.recorder.Events); event != "Normal Scheduled Successfully assigned default/p to a" {
		t.Errorf("event %q", event)
	}
}

func TestOthersPodsAndGatedOnesAreLeftAlone(t *testing.T) {
	gated := newPod("gated", "1", func(p *v1.Pod) { p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "example.com/wait"}} })
	foreign := newPod("foreign", "1", func(p *v1.Pod) { p.Spec.SchedulerName = "other" })
	r := newRig(t, newNode("a", "4"), gated, foreign)
	r.start()
	r.create(newPod("p", "1"))
	if got := wait(t, r.bound); got.Name != "p" {
		t.Fatalf("bound %s", got.Name)
	}
	open := gated.DeepCopy()
	open.Spec.SchedulingGates, open.Generation = nil, 2
	if err := r.Tracker().Update(v1.SchemeGroupVersion.WithResource("pods"), open, "default"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, r.bound); got.Name != "gated" {
		t.Errorf("bound %s", got.Name)
	}
}

func TestPodWaitsForRoom(t *testing.T) {
	full := newPod("full", "4", func(p *v1.Pod) { p.Spec.NodeName = "a" })
	r := newRig(t, newNode("a", "4"), full)
	r.start()
	r.create(newPod("p", "1"))
	want := "0/1 nodes are available: 1 Insufficient cpu."
	if event := wait(t, r.recorder.Events); !strings.HasPrefix(event, "Warning FailedScheduling "+want) {
		t.Errorf("event %q", event)
	}
	if patch := wait(t, r.patches); !strings.Contains(patch, want) || !strings.Contains(patch, `"reason":"Unschedulable"`) {
		t.Errorf("patch %s", patch)
	}
	// An event that does not help leaves it where it is; one that does wakes it.
	r.create(newNode("tiny", "100m"))
	if err := r.Tracker().Delete(v1.SchemeGroupVersion.WithResource("pods"), "default", "full"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, r.bound); got.Target.Name != "a" {
		t.Errorf("bound to %s", got.Target.Name)
	}
}

func TestFailedBindingIsTriedAgain(t *testing.T) {
	r := newRig(t, newNode("a", "4"))
	r.refusals = 2
	r.start()
	r.create(newPod("p", "3"))
	if got := wait(t, r.bound); got.Name != "p" {
		t.Errorf("bound %s", got.Name)
	}
	// The room that the failed attempts assumed is free again for nobody else but it.
	r.create(newPod("q", "3"))
	for {
		event := wait(t, r.recorder.Events)
		if strings.Contains(event, "Insufficient cpu") {
			break
		}
	}
}

func TestImportantPodsGoFirst(t *testing.T) {
	r := newRig(t)
	for i, priority := range []int32{0, 10, 5} {
		r.create(newPod(fmt.Sprint("p", i), "1", func(p *v1.Pod) { p.Spec.Priority = &priority }))
	}
	r.start()
	for range 3 { // none has a node to go to
		wait(t, r.patches)
	}
	r.create(newNode("a", "1"))
	if got := wait(t, r.bound); got.Name != "p1" {
		t.Errorf("%s was bound first", got.Name)
	}
}

func TestImportantPodMakesRoom(t *testing.T) {
	priority := int32(10)
	low := newPod("low", "4", func(p *v1.Pod) { p.Spec.NodeName = "a" })
	r := newRig(t, newNode("a", "4"), low)
	r.start()
	r.create(newPod("vip", "2", func(p *v1.Pod) { p.Spec.Priority = &priority }))
	if patch := wait(t, r.patches); !strings.Contains(patch, "PreemptionByScheduler") {
		t.Errorf("the victim was told %s", patch)
	}
	if patch := wait(t, r.patches); !strings.Contains(patch, `"nominatedNodeName":"a"`) {
		t.Errorf("the pod was told %s", patch)
	}
	if got := wait(t, r.bound); got.Name != "vip" {
		t.Errorf("bound %s", got.Name)
	}
}

func TestBindingsCause(t *testing.T) {
	r := newRig(t)
	s := r.scheduler
	s.setNode(newNode("a", "4"))
	s.setPod(newPod("p", "1"))
	it := s.queue.pop(time.Now())
	got := cause.From(s.caused(t.Context(), it, "a")).String()
	if got != "pods/default/p@9,nodes/a@7" {
		t.Errorf("caused by %s", got)
	}
}
