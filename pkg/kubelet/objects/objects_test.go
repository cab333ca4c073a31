package objects

import (
	"context"
	"fmt"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/internal/fakeapi"
)

func TestWatcher(t *testing.T) {
	client := fakeapi.New(&v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ns"}, Data: map[string][]byte{"k": []byte("v")}})
	w := NewWatcher(client)
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := w.Secret(ctx, "ns", "s"); err == nil {
		t.Error("what no pod holds was given out")
	}
	changes := make(chan cause.Ref, 100)
	changed := func(c cause.Ref) { changes <- c }
	w.Hold("p1", []Ref{{"secrets", "ns", "s"}, {"configmaps", "ns", "c"}}, changed)
	if s, err := w.Secret(ctx, "ns", "s"); err != nil || string(s.Data["k"]) != "v" {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := w.ConfigMap(ctx, "ns", "c"); !apierrors.IsNotFound(err) || err.Error() != `configmap "c" not found` {
		t.Errorf("got %v", err)
	}
	client.Await(t, "configmaps", 1)
	cm := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "ns", ResourceVersion: "7"}}
	if _, err := client.CoreV1().ConfigMaps("ns").Create(ctx, cm, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if c := <-changes; c.Resource != "configmaps" || c.Name != "c" {
		t.Errorf("told of %v, which is no news", c)
	}
	if _, err := w.ConfigMap(ctx, "ns", "c"); err != nil {
		t.Errorf("after its event: %v", err)
	}

	w.Hold("p2", []Ref{{"secrets", "ns", "s"}}, changed)
	w.Release("p1")
	if _, err := w.Secret(ctx, "ns", "s"); err != nil {
		t.Errorf("another pod holds it still: %v", err)
	}
	if _, err := w.ConfigMap(ctx, "ns", "c"); err == nil {
		t.Error("given out after its last holder let go")
	}
	w.Hold("p2", []Ref{{"configmaps", "ns", "c"}}, changed) // a pod that changed its mind
	if _, err := w.Secret(ctx, "ns", "s"); err == nil {
		t.Error("given out after its last holder changed")
	}
	if len(w.watches) != 1 {
		t.Errorf("%d watches, want 1", len(w.watches))
	}
}

func TestRefs(t *testing.T) {
	name := func(n string) v1.LocalObjectReference { return v1.LocalObjectReference{Name: n} }
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: v1.PodSpec{
		Volumes: []v1.Volume{
			{VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: name("a")}}},
			{VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "b"}}},
			{VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
				{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: name("a")}}, {Secret: &v1.SecretProjection{LocalObjectReference: name("c")}},
			}}}},
		},
		Containers: []v1.Container{{
			EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: name("d")}}},
			Env:     []v1.EnvVar{{Name: "X", Value: "1"}, {ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: name("e")}}}},
		}},
		ImagePullSecrets: []v1.LocalObjectReference{name("f")},
	}}
	want := "[{configmaps ns a} {secrets ns b} {secrets ns c} {configmaps ns d} {secrets ns e} {secrets ns f}]"
	if got := fmt.Sprint(Refs(pod)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
