package nodelifecycle

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/controller/control/controltest"
)

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func node(name string, ready v1.ConditionStatus, change ...func(*v1.Node)) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u"}}
	if ready != "" {
		n.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: ready}}
	}
	for _, f := range change {
		f(n)
	}
	return n
}

func tainted(taints ...v1.Taint) func(*v1.Node) {
	return func(n *v1.Node) { n.Spec.Taints = append(n.Spec.Taints, taints...) }
}

func text(taints []v1.Taint) string {
	var out []string
	for _, taint := range taints {
		out = append(out, strings.TrimPrefix(taint.Key, "node.kubernetes.io/")+":"+string(taint.Effect))
	}
	return strings.Join(out, " ")
}

func TestTaints(t *testing.T) {
	own := v1.Taint{Key: "mine", Value: "x", Effect: v1.TaintEffectNoExecute}
	notReady := v1.Taint{Key: v1.TaintNodeNotReady, Effect: v1.TaintEffectNoExecute}
	pressed := func(n *v1.Node) {
		n.Status.Conditions = append(n.Status.Conditions, v1.NodeCondition{Type: v1.NodeDiskPressure, Status: v1.ConditionTrue})
	}
	for _, c := range []struct {
		name  string
		node  *v1.Node
		evict bool
		want  string
	}{
		{"ready", node("a", v1.ConditionTrue), false, ""},
		{"ready again", node("a", v1.ConditionTrue, tainted(own, notReady)), false, "mine:NoExecute"},
		{"not ready", node("a", v1.ConditionFalse), false, "not-ready:NoSchedule"},
		{"not ready, its turn", node("a", v1.ConditionFalse), true, "not-ready:NoSchedule not-ready:NoExecute"},
		{"silent", node("a", v1.ConditionUnknown), true, "unreachable:NoSchedule unreachable:NoExecute"},
		{"silent after not ready", node("a", v1.ConditionUnknown, tainted(notReady)), true, "unreachable:NoSchedule unreachable:NoExecute"},
		{"cordoned, disk full", node("a", v1.ConditionTrue, pressed, func(n *v1.Node) { n.Spec.Unschedulable = true }), false, "disk-pressure:NoSchedule unschedulable:NoSchedule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(taintsOf(c.node, c.evict, now)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	since := metav1.NewTime(now.Add(-time.Hour))
	notReady.TimeAdded = &since
	for _, taint := range taintsOf(node("a", v1.ConditionFalse, tainted(notReady)), true, now) {
		if taint.Effect == v1.TaintEffectNoExecute && !taint.TimeAdded.Equal(&since) {
			t.Errorf("the time of a taint that stays became %v", taint.TimeAdded)
		}
	}
}

func TestPace(t *testing.T) {
	for _, c := range []struct {
		zone zone
		want time.Duration
	}{
		{zone{9, 1}, evictEvery}, {zone{1, 2}, evictEvery}, {zone{4, 6}, 0}, {zone{40, 60}, evictSlowly}, {zone{0, 9}, evictEvery},
	} {
		if got := c.zone.pace(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.zone, got, c.want)
		}
	}
	for want, nodes := range map[bool][]*v1.Node{
		true:  {node("a", v1.ConditionFalse), node("b", v1.ConditionUnknown), node("c", "")},
		false: {node("a", v1.ConditionFalse), node("b", v1.ConditionTrue)},
	} {
		if got := allDown(zonesOf(nodes)); got != want {
			t.Errorf("all down: %v, want %v", got, want)
		}
	}
}

func TestASilentNodeAndItsPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "p"}, Spec: v1.PodSpec{NodeName: "dead"},
			Status: v1.PodStatus{Phase: v1.PodRunning, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}}}
		dead, well := node("dead", v1.ConditionTrue), node("well", v1.ConditionTrue)
		w := controltest.New(dead, well, pod)
		c := New(w.Env, 50*time.Second).(*controller)
		controltest.Cache(t, w.Informers.Core().V1().Nodes().Informer(), dead, well)
		controltest.Cache(t, c.pods, pod)
		sync := func(patches int, wants ...string) {
			t.Helper()
			if err := c.sync(context.Background(), "dead"); err != nil {
				t.Fatal(err)
			}
			got := w.Writes()
			if strings.Count(got, "patch ") != patches {
				t.Errorf("wrote:\n%s", got)
			}
			for _, want := range wants {
				if !strings.Contains(got, want) {
					t.Errorf("wrote:\n%s\nwithout %s", got, want)
				}
			}
			stored, err := w.Client.CoreV1().Nodes().Get(context.Background(), "dead", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			controltest.Cache(t, w.Informers.Core().V1().Nodes().Informer(), stored)
			w.Client.ClearActions()
		}
		sync(0)
		time.Sleep(40 * time.Second)
		c.alive.seen("dead", time.Now())
		time.Sleep(40 * time.Second)
		sync(0)
		time.Sleep(11 * time.Second)
		sync(1, "patch nodes/status /dead", "Kubelet stopped posting node status.")
		sync(2, "patch pods/status ns/p", `"status":"False"`, "patch nodes /dead", "node.kubernetes.io/unreachable")
		want := "Normal RegisteredNode Node dead event: Registered Node dead in Controller\n" +
			"Normal NodeNotReady Node dead status is now: NodeNotReady\nWarning NodeNotReady Node is not ready"
		if got := w.Events(); got != want {
			t.Errorf("events:\n%s\nwant:\n%s", got, want)
		}
		stopped, stop := context.WithCancel(context.Background())
		stop()
		if err := c.Run(stopped); err != nil { // ends what the queue has running
			t.Error(err)
		}
	})
}

func TestBeats(t *testing.T) {
	at := func(s int) func(*v1.Node) {
		return func(n *v1.Node) {
			n.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(now.Add(time.Duration(s) * time.Second))
		}
	}
	for _, c := range []struct {
		old, next *v1.Node
		want      bool
	}{
		{node("a", v1.ConditionTrue, at(0)), node("a", v1.ConditionTrue, at(5)), true},
		{node("a", v1.ConditionTrue, at(0)), node("a", v1.ConditionUnknown, at(0)), false},
		{node("a", ""), node("a", v1.ConditionTrue, at(0)), true},
	} {
		if got := beats(c.old, c.next); got != c.want {
			t.Errorf("%v after %v: %v", c.next.Status.Conditions, c.old.Status.Conditions, got)
		}
	}
}
