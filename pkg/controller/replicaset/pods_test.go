package replicaset

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// pod makes a running, ready pod on node n that has been so for an hour.
func pod(name string, change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec:       v1.PodSpec{NodeName: "n"},
		Status: v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{
			{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour))}}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func readyFor(d time.Duration) func(*v1.Pod) {
	return func(p *v1.Pod) { p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(-d)) }
}

func age(d time.Duration) func(*v1.Pod) {
	return func(p *v1.Pod) { p.CreationTimestamp = metav1.NewTime(now.Add(-d)) }
}

func unready(p *v1.Pod) { p.Status.Conditions[0].Status = v1.ConditionFalse }

func TestVictims(t *testing.T) {
	for _, c := range []struct {
		name         string
		first, later *v1.Pod
	}{
		{"unbound first", pod("z", func(p *v1.Pod) { p.Spec.NodeName = "" }), pod("a")},
		{"pending first", pod("z", func(p *v1.Pod) { p.Status.Phase = v1.PodPending }), pod("a")},
		{"unready first", pod("z", unready), pod("a")},
		{"cheaper first", pod("z", func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "-5"} }), pod("a")},
		{"a cost that is no number is none", pod("a", func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "+99"} }),
			pod("z", readyFor(59*time.Minute))},
		{"from the fuller node first", pod("z", func(p *v1.Pod) { p.Spec.NodeName = "full" }), pod("a")},
		{"ready for less time first", pod("z", readyFor(time.Minute)), pod("a")},
		{"times of one magnitude: the uid decides", pod("a", readyFor(60*time.Minute)), pod("z", readyFor(59*time.Minute))},
		{"more restarts first", pod("z", func(p *v1.Pod) { p.Status.ContainerStatuses = []v1.ContainerStatus{{RestartCount: 3}} }), pod("a")},
		{"younger first", pod("z", age(time.Minute)), pod("a")},
		{"unready outranks cost", pod("z", unready, func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "9"} }), pod("a")},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, order := range [][]*v1.Pod{{c.first, c.later}, {c.later, c.first}} {
				got := victims(order, 1, map[string]int{"full": 2, "n": 1}, now)
				if len(got) != 1 || got[0] != c.first {
					t.Errorf("deletes %s, want %s", got[0].Name, c.first.Name)
				}
			}
		})
	}
}

func TestNewPod(t *testing.T) {
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "u"},
		Spec: appsv1.ReplicaSetSpec{Template: v1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}},
			Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "x"}}}}}}
	p := newPod(rs)
	owner := metav1.GetControllerOf(p)
	if p.GenerateName != "web-" || p.Namespace != "ns" || p.Labels["a"] != "b" || p.Annotations["c"] != "d" || p.Spec.Containers[0].Name != "x" {
		t.Errorf("pod %+v", p)
	}
	if owner == nil || owner.UID != "u" || owner.Kind != "ReplicaSet" || owner.APIVersion != "apps/v1" || !*owner.BlockOwnerDeletion {
		t.Errorf("owner %+v", owner)
	}
	p.Spec.Containers[0].Name = "changed"
	if rs.Spec.Template.Spec.Containers[0].Name != "x" {
		t.Error("the pod shares the template")
	}
}

func TestStatus(t *testing.T) {
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Generation: 4},
		Spec: appsv1.ReplicaSetSpec{MinReadySeconds: 60, Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}}}}
	labelled := func(p *v1.Pod) { p.Labels = map[string]string{"a": "b"} }
	status, next := statusOf(rs, []*v1.Pod{pod("1", labelled), pod("2", readyFor(20*time.Second)), pod("3", unready)}, 2, 0, nil, now)
	if status.Replicas != 3 || status.ReadyReplicas != 2 || status.AvailableReplicas != 1 || status.FullyLabeledReplicas != 1 ||
		*status.TerminatingReplicas != 2 || status.ObservedGeneration != 4 {
		t.Errorf("status %+v", status)
	}
	if next != 40*time.Second {
		t.Errorf("looks again in %v, want 40s", next)
	}
	status, _ = statusOf(rs, nil, 0, 1, errors.New("quota"), now)
	if c := status.Conditions; len(c) != 1 || c[0].Reason != "FailedCreate" || c[0].Message != "quota" || c[0].Status != v1.ConditionTrue {
		t.Errorf("conditions %+v", c)
	}
	rs.Status = status
	if again, _ := statusOf(rs, nil, 0, 1, errors.New("quota, again"), now.Add(time.Hour)); !again.Conditions[0].LastTransitionTime.Equal(&status.Conditions[0].LastTransitionTime) {
		t.Error("a failure that goes on has a new time")
	}
	if healed, _ := statusOf(rs, nil, 0, 0, nil, now); len(healed.Conditions) != 0 {
		t.Errorf("conditions %+v after success", healed.Conditions)
	}
}

func TestOnTheirWay(t *testing.T) {
	of := func(replicas, ready, available int32, conditions ...appsv1.ReplicaSetCondition) appsv1.ReplicaSetStatus {
		return appsv1.ReplicaSetStatus{Replicas: replicas, ReadyReplicas: ready, AvailableReplicas: available, Conditions: conditions}
	}
	failure := appsv1.ReplicaSetCondition{Type: appsv1.ReplicaSetReplicaFailure}
	for _, c := range []struct {
		name      string
		old, next appsv1.ReplicaSetStatus
		want      bool
	}{
		{"the first pods", of(0, 0, 0), of(3, 0, 0), true},
		{"more pods", of(3, 3, 3), of(5, 3, 3), true},
		{"no news", of(3, 1, 1), of(3, 1, 1), false},
		{"one became ready", of(3, 1, 1), of(3, 2, 1), false},
		{"one became available", of(3, 2, 1), of(3, 2, 2), false},
		{"one was lost, another made", of(3, 3, 3), of(3, 2, 2), false},
		{"fewer pods", of(3, 1, 1), of(2, 1, 1), false},
		{"all are there", of(0, 0, 0), of(2, 2, 2), false},
		{"a failure ended", of(1, 0, 0, failure), of(3, 0, 0), false},
	} {
		if got := onTheirWay(c.old, c.next); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestSlowStartGivesUpEarly(t *testing.T) {
	for _, c := range []struct{ n, failFrom, wantCalls, wantDone int }{
		{10, 100, 10, 10}, {100, 0, 1, 0}, {100, 3, 7, 3}, {0, 0, 0, 0},
	} {
		t.Run(fmt.Sprintf("%d, failing from %d", c.n, c.failFrom), func(t *testing.T) {
			var calls atomic.Int32
			done, err := slowStart(c.n, func(i int) error {
				calls.Add(1)
				if i >= c.failFrom {
					return errors.New("no")
				}
				return nil
			})
			if int(calls.Load()) != c.wantCalls || done != c.wantDone || (err != nil) != (c.wantDone < c.n) {
				t.Errorf("%d calls, %d done, %v", calls.Load(), done, err)
			}
		})
	}
}

func TestTogetherIsBounded(t *testing.T) {
	var mu sync.Mutex
	var running, most int
	_, err := together(10*atOnce, func(int) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	})
	if err != nil || most > atOnce {
		t.Errorf("%d at once, %v", most, err)
	}
}
