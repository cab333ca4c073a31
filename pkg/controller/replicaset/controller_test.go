package replicaset

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"slowmo/pkg/controller/control/controltest"
)

func web(replicas int32) *appsv1.ReplicaSet {
	labels := map[string]string{"app": "web"}
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "web", Generation: 1},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}},
	}
}

// member makes a pod that rs controls.
func member(rs *appsv1.ReplicaSet, name string, change ...func(*v1.Pod)) *v1.Pod {
	return pod(name, append(change, func(p *v1.Pod) {
		p.Namespace, p.Labels = rs.Namespace, rs.Spec.Template.Labels
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(rs, kind)}
	})...)
}

func prepare(t *testing.T, rs *appsv1.ReplicaSet, pods ...*v1.Pod) (*controltest.World, *Controller) {
	t.Helper()
	objects := []runtime.Object{rs}
	for _, p := range pods {
		objects = append(objects, p)
	}
	w := controltest.New(objects...)
	c := New(w.Env, 1).(*Controller)
	controltest.Cache(t, c.sets, rs)
	controltest.Cache(t, c.pods, pods...)
	return w, c
}

func TestMissingPodsAreCreatedAndTheStatusWaits(t *testing.T) {
	rs := web(3)
	w, c := prepare(t, rs, member(rs, "a"))
	if err := c.sync(context.Background(), "ns/web"); err != nil {
		t.Fatal(err)
	}
	if got := w.Writes(); got != "create pods ns/web-\ncreate pods ns/web-" {
		t.Errorf("writes:\n%s", got)
	}
	if got := strings.Count(w.Events(), "Normal SuccessfulCreate Created pod: "); got != 2 {
		t.Errorf("%d events", got)
	}
}

func TestSurplusPodsAreDeleted(t *testing.T) {
	rs := web(1)
	w, c := prepare(t, rs, member(rs, "a"), member(rs, "b", unready))
	if err := c.sync(context.Background(), "ns/web"); err != nil {
		t.Fatal(err)
	}
	if got := w.Writes(); got != "delete pods ns/b" {
		t.Errorf("writes:\n%s", got)
	}
	// The deletion is not in the cache yet: no second one.
	if err := c.sync(context.Background(), "ns/web"); err != nil {
		t.Fatal(err)
	}
	if got := w.Writes(); got != "" {
		t.Errorf("writes before the first was seen:\n%s", got)
	}
}

func TestTheStatusIsOneWrite(t *testing.T) {
	rs := web(2)
	leaving := member(rs, "c", func(p *v1.Pod) { now := metav1.Now(); p.DeletionTimestamp = &now; p.Finalizers = []string{"x/y"} })
	ended := member(rs, "d", func(p *v1.Pod) { p.Status.Phase = v1.PodFailed })
	w, c := prepare(t, rs, member(rs, "a"), member(rs, "b", unready), leaving, ended)
	if err := c.sync(context.Background(), "ns/web"); err != nil {
		t.Fatal(err)
	}
	want := `update replicasets/status ns/web {"status":{"availableReplicas":1,"fullyLabeledReplicas":2,"observedGeneration":1,"readyReplicas":1,"replicas":2,"terminatingReplicas":1}}`
	if got := w.Writes(); got != want {
		t.Errorf("writes:\n%s\nwant:\n%s", got, want)
	}
}

func TestAStatusWaitsForPodsOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := web(1)
		w, c := prepare(t, rs, member(rs, "a", unready))
		defer c.queue.Run(stopped(t), 0, c.sync) // ends the queue's own goroutines
		for _, want := range []string{"", `update replicasets/status ns/web {"status":{"fullyLabeledReplicas":1,"observedGeneration":1,"replicas":1,"terminatingReplicas":0}}`} {
			if err := c.sync(t.Context(), "ns/web"); err != nil {
				t.Fatal(err)
			}
			if got := w.Writes(); got != want {
				t.Errorf("writes after %v:\n%s\nwant:\n%s", settle, got, want)
			}
			time.Sleep(settle)
		}
		if c.queue.Len() != 1 {
			t.Error("nothing brings it back")
		}
	})
}

func stopped(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestOrphansAreAdoptedAndStrangersReleased(t *testing.T) {
	rs := web(1)
	orphan := member(rs, "a", func(p *v1.Pod) {})
	orphan.OwnerReferences = nil
	relabelled := member(rs, "b")
	relabelled.Labels = map[string]string{"app": "debug"}
	w, c := prepare(t, rs, orphan, relabelled)
	if err := c.sync(context.Background(), "ns/web"); err != nil {
		t.Fatal(err)
	}
	got := w.Writes()
	for _, want := range []string{`patch pods ns/a {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web","uid":"web","controller":true,"blockOwnerDeletion":true}],"uid":"a"}}`,
		`patch pods ns/b {"metadata":{"ownerReferences":[{"$patch":"delete","uid":"web"}],"uid":"b"}}`} {
		if !strings.Contains(got, want) {
			t.Errorf("writes:\n%s\nwithout:\n%s", got, want)
		}
	}
	if strings.Contains(got, "create") {
		t.Errorf("a pod was made although one was adopted:\n%s", got)
	}
}

func TestAnOwnerThatIsGoingAdoptsNothing(t *testing.T) {
	rs := web(1)
	orphan := member(rs, "a")
	orphan.OwnerReferences = nil
	w, c := prepare(t, rs, orphan)
	w.Client.PrependReactor("get", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		going := rs.DeepCopy()
		at := metav1.Now()
		going.DeletionTimestamp = &at
		return true, going, nil
	})
	if err := c.sync(context.Background(), "ns/web"); err == nil || !strings.Contains(err.Error(), "has just been deleted") {
		t.Errorf("error %v", err)
	}
	if got := w.Writes(); got != "" {
		t.Errorf("writes:\n%s", got)
	}
}

func TestAFailureIsToldAndTriedAgain(t *testing.T) {
	rs := web(5)
	w, c := prepare(t, rs)
	w.Client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(v1.Resource("pods"), "", nil)
	})
	if err := c.sync(context.Background(), "ns/web"); err == nil {
		t.Error("no error, so no retry")
	}
	if got := w.Writes(); strings.Count(got, "create pods") != 1 || !strings.Contains(got, `"reason":"FailedCreate"`) {
		t.Errorf("writes:\n%s", got)
	}
	if got := w.Events(); !strings.HasPrefix(got, "Warning FailedCreate Error creating: ") {
		t.Errorf("events: %s", got)
	}
}
