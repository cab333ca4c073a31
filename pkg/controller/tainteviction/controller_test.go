package tainteviction

import (
	"context"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func taint(key string, ago time.Duration) v1.Taint {
	at := metav1.NewTime(now.Add(-ago))
	return v1.Taint{Key: key, Effect: v1.TaintEffectNoExecute, TimeAdded: &at}
}

func tolerates(key string, seconds ...int64) v1.Toleration {
	out := v1.Toleration{Key: key, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute}
	if len(seconds) > 0 {
		out.TolerationSeconds = &seconds[0]
	}
	return out
}

func TestLeaveAt(t *testing.T) {
	for _, c := range []struct {
		name        string
		taints      []v1.Taint
		tolerations []v1.Toleration
		leaves      bool
		in          time.Duration
	}{
		{"no taint", nil, nil, false, 0},
		{"not tolerated", []v1.Taint{taint("a", 0)}, nil, true, 0},
		{"tolerated for ever", []v1.Taint{taint("a", 0)}, []v1.Toleration{tolerates("a")}, false, 0},
		{"tolerated for a while, part of it over", []v1.Taint{taint("a", 100*time.Second)}, []v1.Toleration{tolerates("a", 300)}, true, 200 * time.Second},
		{"the shortest counts", []v1.Taint{taint("a", 0)}, []v1.Toleration{tolerates("a"), tolerates("a", 60), tolerates("a", 30)}, true, 30 * time.Second},
		{"of two taints one not tolerated", []v1.Taint{taint("a", 0), taint("b", 0)}, []v1.Toleration{tolerates("a", 300)}, true, 0},
		{"a negative time is none", []v1.Taint{taint("a", 0)}, []v1.Toleration{tolerates("a", -5)}, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, leaves := leaveAt(c.taints, c.tolerations, now)
			if leaves != c.leaves || leaves && at.Sub(now) != c.in {
				t.Errorf("leaves %v in %v, want %v in %v", leaves, at.Sub(now), c.leaves, c.in)
			}
		})
	}
}

func TestAnIntolerantPodIsMarkedAndDeleted(t *testing.T) {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: v1.NodeSpec{Taints: []v1.Taint{taint("a", 0)}}}
	stays := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "stays"}, Spec: v1.PodSpec{NodeName: "n", Tolerations: []v1.Toleration{tolerates("a")}}}
	leaves := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "leaves", UID: "u"}, Spec: v1.PodSpec{NodeName: "n"}}
	w := controltest.New(node, stays, leaves)
	c := New(w.Env).(*controller)
	controltest.Cache(t, w.Informers.Core().V1().Nodes().Informer(), node)
	controltest.Cache(t, c.pods, stays, leaves)
	for _, key := range []string{"ns/stays", "ns/leaves", "ns/gone"} {
		if err := c.sync(context.Background(), key); err != nil {
			t.Fatal(err)
		}
	}
	first, second, _ := strings.Cut(w.Writes(), "\n")
	if !strings.HasPrefix(first, "patch pods/status ns/leaves ") || !strings.Contains(first, "DeletionByTaintManager") || second != "delete pods ns/leaves" {
		t.Errorf("wrote:\n%s\n%s", first, second)
	}
	if got := w.Events(); got != "Normal TaintManagerEviction Marking for deletion Pod ns/leaves" {
		t.Errorf("events: %s", got)
	}
}
