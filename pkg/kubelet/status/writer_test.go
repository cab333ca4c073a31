package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"slowmo/pkg/component/cause"
)

// written runs a writer for a pod while use tells it things, and returns what it
// wrote as "patch" and "delete", in order.
func written(t *testing.T, fail int, use func(w *Writer)) []string {
	t.Helper()
	var writes []string
	synctest.Test(t, func(t *testing.T) {
		pod := hello(t)
		client := fake.NewClientset(pod)
		var mu sync.Mutex
		client.PrependReactor("*", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			if fail > 0 {
				fail--
				return true, nil, errors.New("not now")
			}
			switch a := a.(type) {
			case clienttesting.PatchAction:
				var body struct {
					Metadata struct{ UID string }
					Status   struct{ Phase string }
				}
				if err := json.Unmarshal(a.GetPatch(), &body); err != nil || body.Metadata.UID != "u1" || a.GetSubresource() != "status" {
					t.Errorf("patch %s of %q", a.GetPatch(), a.GetSubresource())
				}
				writes = append(writes, "patch "+body.Status.Phase)
			case clienttesting.DeleteActionImpl:
				if *a.DeleteOptions.GracePeriodSeconds != 0 || *a.DeleteOptions.Preconditions.UID != "u1" {
					t.Errorf("delete with %+v", a.DeleteOptions)
				}
				writes = append(writes, "delete")
			}
			return false, nil, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		w := NewWriter(client.CoreV1(), pod)
		var wg sync.WaitGroup
		wg.Go(func() { w.Run(ctx) })
		use(w)
		time.Sleep(time.Minute)
		cancel()
		wg.Wait()
	})
	return writes
}

func with(phase v1.PodPhase, waiting string) *v1.PodStatus {
	s := &v1.PodStatus{Phase: phase}
	if waiting != "" {
		s.ContainerStatuses = []v1.ContainerStatus{{Name: "a", State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: waiting}}}}
	}
	return s
}

func TestWriter(t *testing.T) {
	set := func(w *Writer, phase v1.PodPhase, waiting string) { w.Set(with(phase, waiting), cause.Set{}) }
	for _, c := range []struct {
		name string
		fail int
		use  func(w *Writer)
		want string
	}{
		{"a pod that starts at once costs one write", 0, func(w *Writer) {
			set(w, v1.PodPending, "ContainerCreating")
			time.Sleep(200 * time.Millisecond)
			set(w, v1.PodFailed, "")
		}, "[patch Failed]"},
		{"a slow one is shown on its way", 0, func(w *Writer) {
			set(w, v1.PodPending, "ContainerCreating")
			time.Sleep(2 * time.Second)
			set(w, v1.PodFailed, "")
		}, "[patch Pending patch Failed]"},
		{"trouble is told at once", 0, func(w *Writer) {
			set(w, v1.PodPending, "ErrImagePull")
			time.Sleep(100 * time.Millisecond)
			set(w, v1.PodFailed, "")
		}, "[patch Pending patch Failed]"},
		{"nothing changed, nothing written", 0, func(w *Writer) {
			s := w.Current().Status
			w.Set(&s, cause.Set{})
		}, "[]"},
		{"the end: status, then delete", 0, func(w *Writer) {
			set(w, v1.PodFailed, "")
			w.Finish(cause.Set{})
		}, "[patch Failed delete]"},
		{"failures are made up for", 3, func(w *Writer) { set(w, v1.PodFailed, "") }, "[patch Failed]"},
		{"an object that is gone is left alone", 0, func(w *Writer) {
			w.Gone()
			set(w, v1.PodFailed, "")
		}, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fmt.Sprint(written(t, c.fail, c.use)); got != c.want {
				t.Errorf("wrote %s, want %s", got, c.want)
			}
		})
	}
}

func TestPatchCarriesOnlyWhatChanged(t *testing.T) {
	pod := hello(t)
	want := pod.Status.DeepCopy()
	if patch, err := Patch(pod, want); err != nil || patch != nil {
		t.Errorf("no change gave %s, %v", patch, err)
	}
	want.ContainerStatuses[0].Ready = false
	patch, err := Patch(pod, want)
	if err != nil {
		t.Fatal(err)
	}
	expected := `{"metadata":{"uid":"u1"},"status":{"containerStatuses":[`
	if len(patch) < len(expected) || string(patch[:len(expected)]) != expected {
		t.Errorf("got %s", patch)
	}
}

func TestPatchKeepsConditionsOfOthers(t *testing.T) {
	pod := hello(t)
	want := pod.Status.DeepCopy()
	pod.Status.Conditions = append(pod.Status.Conditions, v1.PodCondition{Type: "example.com/new", Status: v1.ConditionTrue})
	if patch, err := Patch(pod, want); err != nil || patch != nil {
		t.Errorf("a condition of someone else's that came meanwhile gave %s, %v", patch, err)
	}
}
