package deployment

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"slowmo/pkg/controller/control/controltest"
)

const key = "default/hello-node"

// synced makes a controller whose server and cache have these, and syncs once.
func synced(t *testing.T, d *appsv1.Deployment, sets ...*appsv1.ReplicaSet) (*controltest.World, *Controller, error) {
	t.Helper()
	objects := []runtime.Object{d}
	for _, rs := range sets {
		objects = append(objects, rs)
	}
	w := controltest.New(objects...)
	c := New(w.Env, 1).(*Controller)
	controltest.Cache(t, w.Informers.Apps().V1().Deployments().Informer(), d)
	controltest.Cache(t, c.sets, sets...)
	return w, c, c.sync(context.Background(), key)
}

func owned(d *appsv1.Deployment) *appsv1.ReplicaSet {
	rs := newReplicaSet(d)
	rs.UID = "rs"
	rs.Annotations = sizeAnnotations(annotate(d, rs, 1), d)
	*rs.Spec.Replicas = *d.Spec.Replicas
	rs.Generation, rs.Status.ObservedGeneration = 1, 1
	rs.Status.TerminatingReplicas = new(int32)
	return rs
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

func TestANewDeploymentCostsOneWriteAndOneEvent(t *testing.T) {
	w, _, err := synced(t, hello(t))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "writes", w.Writes(), "create replicasets default/hello-node-6648755c5d")
	want(t, "events", w.Events(), "Normal ScalingReplicaSet Scaled up replica set hello-node-6648755c5d from 0 to 1")
}

func TestTheStatusIsOneWriteWithTheRevision(t *testing.T) {
	d := hello(t)
	w, c, err := synced(t, d, owned(d))
	if err != nil {
		t.Fatal(err)
	}
	got := w.Writes()
	if strings.Count(got, "\n") != 0 || !strings.HasPrefix(got, "update deployments/status default/hello-node ") ||
		!strings.Contains(got, `"deployment.kubernetes.io/revision":"1"`) || !strings.Contains(got, `"observedGeneration":1`) {
		t.Errorf("writes: %s", got)
	}
	// With its own write in the cache there is nothing left to write.
	stored, err := w.Client.AppsV1().Deployments("default").Get(context.Background(), d.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	controltest.Cache(t, w.Informers.Apps().V1().Deployments().Informer(), stored)
	w.Client.ClearActions()
	if err := c.sync(context.Background(), key); err != nil {
		t.Fatal(err)
	}
	want(t, "second sync", w.Writes(), "")
}

func TestTheStatusWaitsForAReplicaSetThatHasNotAnswered(t *testing.T) {
	d := hello(t)
	rs := owned(d)
	rs.Generation = 2
	w, _, err := synced(t, d, rs)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "writes", w.Writes(), "")
}

func TestScalingIsOnePatch(t *testing.T) {
	d := hello(t)
	rs := owned(d)
	three := int32(3)
	d.Spec.Replicas = &three
	w, _, err := synced(t, d, rs)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "writes", w.Writes(), `patch replicasets default/hello-node-6648755c5d {"metadata":{"annotations":{"deployment.kubernetes.io/desired-replicas":"3","deployment.kubernetes.io/max-replicas":"4"},"uid":"rs"},"spec":{"replicas":3}}`)
	want(t, "events", w.Events(), "Normal ScalingReplicaSet Scaled up replica set hello-node-6648755c5d from 1 to 3")
}

func TestAnOrphanIsAdoptedAndAStrangerIsNot(t *testing.T) {
	d := hello(t)
	orphan := owned(d)
	orphan.OwnerReferences = nil
	stranger := owned(d)
	stranger.Name, stranger.UID, stranger.OwnerReferences[0].UID = "stranger", "other", "someone"
	w, _, err := synced(t, d, orphan, stranger)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(w.Writes(), "\n")
	if !strings.HasPrefix(first, "patch replicasets default/hello-node-6648755c5d ") || !strings.Contains(first, `"controller":true`) {
		t.Errorf("writes: %s", first)
	}
}

func TestANameTakenByAnotherTemplateIsACollision(t *testing.T) {
	d := hello(t)
	other := owned(d)
	other.OwnerReferences = nil
	other.Spec.Template.Spec.Containers[0].Image = "other"
	w := controltest.New(d, other)
	c := New(w.Env, 1).(*Controller)
	controltest.Cache(t, w.Informers.Apps().V1().Deployments().Informer(), d)
	if err := c.sync(context.Background(), key); err != nil {
		t.Fatal(err)
	}
	if got := w.Writes(); !strings.Contains(got, `"collisionCount":1`) {
		t.Errorf("writes: %s", got)
	}
}

func TestAReplicaSetThatCannotBeMadeIsToldAndTriedAgain(t *testing.T) {
	d := hello(t)
	w := controltest.New(d)
	w.Client.PrependReactor("create", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(appsv1.Resource("replicasets"), "x", nil)
	})
	c := New(w.Env, 1).(*Controller)
	controltest.Cache(t, w.Informers.Apps().V1().Deployments().Informer(), d)
	if err := c.sync(context.Background(), key); err == nil {
		t.Error("no error, so no retry")
	}
	if got := w.Writes(); !strings.Contains(got, `"reason":"ReplicaSetCreateError"`) {
		t.Errorf("writes: %s", got)
	}
	if got := w.Events(); !strings.HasPrefix(got, v1.EventTypeWarning+" ReplicaSetCreateError Failed to create new replica set") {
		t.Errorf("events: %s", got)
	}
}
