package deployment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var t0 = time.Date(2026, 11, 23, 23, 59, 50, 0, time.UTC)

// cluster plays the ReplicaSets of one Deployment: it applies plans, and replies as
// ReplicaSets whose pods become available as the test says.
type cluster struct {
	t    *testing.T
	d    *appsv1.Deployment
	sets []*appsv1.ReplicaSet
	busy bool // old pods are still ending
	now  time.Time
}

func newCluster(t *testing.T, replicas int32) *cluster {
	c := &cluster{t: t, d: hello(t), now: t0}
	c.d.Generation = 1
	c.d.Spec.Replicas = &replicas
	return c
}

func (c *cluster) decide() plan {
	return decide(world{c.d, c.sets, func(*appsv1.ReplicaSet) bool { return c.busy }, c.now})
}

// step applies one plan and returns what it does, in short: "+8698=1 6648:3->2".
func (c *cluster) step() string {
	p := c.decide()
	var did []string
	if p.create != nil {
		p.create.CreationTimestamp = metav1.NewTime(c.now)
		c.sets = append(c.sets, p.create)
		did = append(did, fmt.Sprintf("+%s=%d", short(p.create), *p.create.Spec.Replicas))
	}
	for _, ch := range p.change {
		for i := range c.sets {
			if c.sets[i] == ch.from {
				c.sets[i] = ch.to
			}
		}
		if ch.growth() != 0 {
			did = append(did, fmt.Sprintf("%s:%d->%d", short(ch.to), *ch.from.Spec.Replicas, *ch.to.Spec.Replicas))
		}
	}
	c.d.Status = p.status
	if p.current != "" {
		metav1.SetMetaDataAnnotation(&c.d.ObjectMeta, revisionAnnotation, p.current)
	}
	c.now = c.now.Add(time.Second)
	return strings.Join(did, " ")
}

// settle makes the pods of all ReplicaSets what their specs say, available or not.
func (c *cluster) settle(available bool) {
	for i, rs := range c.sets {
		next := rs.DeepCopy()
		n := *rs.Spec.Replicas
		next.Status = appsv1.ReplicaSetStatus{Replicas: n, AvailableReplicas: min(rs.Status.AvailableReplicas, n), TerminatingReplicas: new(int32)}
		if available {
			next.Status.AvailableReplicas = n
		}
		next.Status.ReadyReplicas = next.Status.AvailableReplicas
		c.sets[i] = next
	}
}

// image changes the template and returns the hash's first four characters.
func (c *cluster) image(image string) string {
	c.d.Spec.Template.Spec.Containers[0].Image = image
	c.d.Generation++
	return templateHash(&c.d.Spec.Template, nil)[:4]
}

func short(rs *appsv1.ReplicaSet) string { return rs.Labels[hashLabel][:4] }

func (c *cluster) progressing() string {
	cond := condition(&c.d.Status, appsv1.DeploymentProgressing)
	if cond == nil {
		return ""
	}
	return string(cond.Status) + " " + cond.Reason + ": " + cond.Message
}

func (c *cluster) want(got, want string) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("got %q, want %q", got, want)
	}
}

func TestFirstRolloutMakesOneReplicaSetAndEndsAvailable(t *testing.T) {
	c := newCluster(t, 1)
	c.want(c.step(), "+6648=1")
	rs := c.sets[0]
	for name, value := range map[string]string{revisionAnnotation: "1", desiredAnnotation: "1", maxAnnotation: "2"} {
		c.want(rs.Annotations[name], value)
	}
	c.want(c.d.Annotations[revisionAnnotation], "1")
	c.want(c.progressing(), `True NewReplicaSetCreated: Created new replica set "hello-node-6648755c5d"`)
	c.settle(false)
	c.want(c.step(), "")
	c.want(c.progressing(), `True ReplicaSetUpdated: ReplicaSet "hello-node-6648755c5d" is progressing.`)
	c.settle(true)
	c.want(c.step(), "")
	c.want(c.progressing(), `True NewReplicaSetAvailable: ReplicaSet "hello-node-6648755c5d" has successfully progressed.`)
	s := c.d.Status
	if s.Replicas != 1 || s.UpdatedReplicas != 1 || s.AvailableReplicas != 1 || s.UnavailableReplicas != 0 || s.TerminatingReplicas == nil || s.ObservedGeneration != 1 {
		t.Errorf("status %+v", s)
	}
	if s.Conditions[0].Type != appsv1.DeploymentAvailable || s.Conditions[0].Status != v1.ConditionTrue || s.Conditions[1].Type != appsv1.DeploymentProgressing {
		t.Errorf("conditions %+v", s.Conditions)
	}
	if p := c.decide(); p.create != nil || len(p.change) > 0 || p.again != 0 {
		t.Errorf("a finished rollout goes on: %+v", p)
	}
}

func TestRollingUpdateOfThreeTakesUpstreamsSteps(t *testing.T) {
	c := newCluster(t, 3)
	c.step()
	c.settle(true)
	c.step()
	next := c.image("other")
	for _, want := range []string{
		"+" + next + "=1", "6648:3->2|" + next + ":1->2", "6648:2->1|" + next + ":2->3", "6648:1->0", "", "",
	} {
		var got []string
		// One event at a time leads to one or two steps.
		for range 3 {
			if did := c.step(); did != "" {
				got = append(got, strings.Split(did, " ")...)
			}
		}
		if sorted(got) != sorted(strings.Split(want, "|")) {
			t.Fatalf("got %v, want %s", got, want)
		}
		c.settle(true)
	}
	c.step()
	c.want(c.d.Annotations[revisionAnnotation], "2")
	if !complete(c.d, &c.d.Status) || *c.sets[0].Spec.Replicas != 0 {
		t.Errorf("status %+v", c.d.Status)
	}
}

func sorted(parts []string) string {
	return strings.Join(slices.Sorted(slices.Values(parts)), "|")
}

func TestRollingUpdateWaitsForAvailability(t *testing.T) {
	c := newCluster(t, 3)
	c.step()
	c.settle(true)
	c.step()
	next := c.image("broken")
	c.want(c.step(), "+"+next+"=1")
	c.settle(false)
	for range 3 {
		c.want(c.step(), "")
	}
	c.want(c.progressing(), fmt.Sprintf(`True ReplicaSetUpdated: ReplicaSet %q is progressing.`, c.sets[1].Name))
	if p := c.decide(); p.again < 595*time.Second || p.again > 601*time.Second {
		t.Errorf("looks again at the deadline in %v", p.again)
	}
	c.now = c.now.Add(601 * time.Second)
	c.want(c.step(), "")
	c.want(c.progressing(), fmt.Sprintf(`False ProgressDeadlineExceeded: ReplicaSet %q has timed out progressing.`, c.sets[1].Name))
	if p := c.decide(); p.again != 0 {
		t.Errorf("looks again at what has failed in %v", p.again)
	}
}

func TestRollbackFindsTheOldReplicaSet(t *testing.T) {
	c := newCluster(t, 1)
	c.step()
	c.settle(true)
	c.step()
	c.image("other")
	for range 4 {
		c.step()
		c.settle(true)
	}
	c.image("k8s.gcr.io/echoserver:1.4")
	c.want(c.step(), "6648:0->1")
	c.want(c.sets[0].Annotations[revisionAnnotation], "3")
	c.want(c.sets[0].Annotations[revisionHistoryAnnotation], "1")
	c.want(c.progressing(), `True FoundNewReplicaSet: Found new replica set "hello-node-6648755c5d"`)
}

func TestRecreateEndsAllBeforeItBegins(t *testing.T) {
	c := newCluster(t, 2)
	c.d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	c.want(c.step(), "+6648=2")
	c.settle(true)
	c.step()
	next := c.image("other")
	c.want(c.step(), "6648:2->0")
	c.busy = true
	c.settle(true)
	c.want(c.step(), "")
	c.busy = false
	c.want(c.step(), "+"+next+"=2")
}

func TestPausedScalesAndRollsNothingOut(t *testing.T) {
	c := newCluster(t, 2)
	c.step()
	c.settle(true)
	c.step()
	c.d.Spec.Paused = true
	c.image("other")
	c.want(c.step(), "")
	c.want(c.progressing(), "Unknown DeploymentPaused: Deployment is paused")
	*c.d.Spec.Replicas = 4
	c.want(c.step(), "6648:2->4")
	c.d.Spec.Paused = false
	if did := c.step(); !strings.HasPrefix(did, "+") {
		t.Errorf("resumed: %q", did)
	}
}

func TestProportionalScaling(t *testing.T) {
	for _, c := range []struct {
		name     string
		replicas int32 // wanted now
		sizes    []int32
		before   string // max-replicas annotation
		surge    int
		want     []int32
	}{
		{name: "up in proportion", replicas: 15, sizes: []int32{8, 5}, before: "13", surge: 3, want: []int32{11, 7}},
		{name: "down in proportion", replicas: 5, sizes: []int32{8, 5}, before: "13", surge: 3, want: []int32{5, 3}},
		{name: "to nothing", replicas: 0, sizes: []int32{8, 5}, before: "13", surge: 3, want: []int32{0, 0}},
		{name: "one active takes all", replicas: 7, sizes: []int32{0, 5}, before: "8", surge: 3, want: []int32{0, 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newCluster(t, c.replicas)
			surge, none := intstr.FromInt(c.surge), intstr.FromInt(0)
			cl.d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &none}
			var old []*appsv1.ReplicaSet
			for i, n := range c.sizes {
				rs := newReplicaSet(cl.d)
				rs.Name = fmt.Sprint(i)
				*rs.Spec.Replicas = n
				rs.Annotations = map[string]string{maxAnnotation: c.before}
				old = append(old, rs)
			}
			scaleProportionally(cl.d, old[:len(old)-1], old[len(old)-1])
			for i, rs := range old {
				if *rs.Spec.Replicas != c.want[i] {
					t.Errorf("replica set %d has %d, want %d", i, *rs.Spec.Replicas, c.want[i])
				}
			}
		})
	}
}

func TestFenceposts(t *testing.T) {
	for _, c := range []struct {
		replicas           int32
		surge, unavailable string
		wantSurge, wantUn  int32
	}{
		{1, "25%", "25%", 1, 0}, {3, "25%", "25%", 1, 0}, {4, "25%", "25%", 1, 1}, {10, "25%", "25%", 3, 2},
		{10, "0", "0", 0, 1}, {10, "0%", "0%", 0, 1}, {2, "1", "5", 1, 2}, {0, "25%", "25%", 0, 0},
	} {
		d := hello(t)
		d.Spec.Replicas = &c.replicas
		surge, unavailable := intstr.Parse(c.surge), intstr.Parse(c.unavailable)
		d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable}
		if s, u := maxSurge(d), maxUnavailable(d); s != c.wantSurge || u != c.wantUn {
			t.Errorf("%d replicas, %s/%s: surge %d, unavailable %d, want %d, %d", c.replicas, c.surge, c.unavailable, s, u, c.wantSurge, c.wantUn)
		}
	}
}

func TestHistoryLimitRemovesTheOldestIdleOnes(t *testing.T) {
	c := newCluster(t, 1)
	limit := int32(2)
	c.d.Spec.RevisionHistoryLimit = &limit
	for _, image := range []string{"k8s.gcr.io/echoserver:1.4", "b", "c", "d", "e"} {
		c.image(image)
		for range 4 {
			c.step()
			c.settle(true)
		}
	}
	var names []string
	for _, rs := range c.decide().remove {
		names = append(names, rs.Annotations[revisionAnnotation])
	}
	c.want(strings.Join(names, ","), "1,2")
	c.sets[0].Generation = 1 // not observed yet
	if got := c.decide().remove; len(got) != 1 || got[0].Annotations[revisionAnnotation] != "2" {
		t.Errorf("removes a ReplicaSet that has news to tell: %v", got)
	}
}

func TestAppendHistoryForgetsTheOldest(t *testing.T) {
	history := ""
	for i := range 2000 {
		history = appendHistory(history, fmt.Sprint(i))
	}
	if len(history) > maxHistory || !strings.HasSuffix(history, ",1999") {
		t.Errorf("%d bytes, ends in %s", len(history), history[len(history)-10:])
	}
}
