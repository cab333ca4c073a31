package podgc

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

func ended(name string, age time.Duration) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, CreationTimestamp: metav1.NewTime(time.Now().Add(-age))},
		Spec: v1.PodSpec{NodeName: "n"}, Status: v1.PodStatus{Phase: v1.PodSucceeded}}
}

func TestUnneeded(t *testing.T) {
	at := metav1.Now()
	unbound := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "unbound", DeletionTimestamp: &at}}
	running := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "running"}, Spec: v1.PodSpec{NodeName: "n"}, Status: v1.PodStatus{Phase: v1.PodRunning}}
	pods := []*v1.Pod{ended("new", time.Minute), ended("old", time.Hour), running, unbound, ended("older", 2*time.Hour)}
	for threshold, want := range map[int]string{0: "unbound", 1: "unbound older old", 2: "unbound older", 3: "unbound", 9: "unbound"} {
		var got []string
		for _, pod := range unneeded(slices.Clone(pods), threshold) {
			got = append(got, pod.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("threshold %d: %v, want %s", threshold, got, want)
		}
	}
}

func TestPodsOfANodeThatIsGone(t *testing.T) {
	for _, c := range []struct {
		name   string
		node   bool // the server still has it, though the cache does not
		writes string
	}{
		{"gone", false, "delete pods ns/p"}, {"only the cache is behind", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: v1.PodSpec{NodeName: "n"}}
			other := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "q"}, Spec: v1.PodSpec{NodeName: "m"}}
			w := controltest.New(pod, other)
			if c.node {
				w = controltest.New(pod, other, &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
			}
			gc := New(w.Env, 10).(*controller)
			controltest.Cache(t, w.Informers.Core().V1().Pods().Informer(), pod, other)
			if err := gc.sync(context.Background(), key{"n"}); err != nil {
				t.Fatal(err)
			}
			if got := w.Writes(); got != c.writes {
				t.Errorf("wrote %q, want %q", got, c.writes)
			}
		})
	}
}
