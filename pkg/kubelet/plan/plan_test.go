package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// now is the time of all decisions below.
var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// pod has containers named by its arguments; "i:" marks an init container, "s:" a
// sidecar and "e:" an ephemeral one.
func pod(policy v1.RestartPolicy, names ...string) *v1.Pod {
	p := &v1.Pod{}
	p.Name, p.Namespace, p.UID = "p", "default", "u"
	p.Spec.RestartPolicy = policy
	always := v1.ContainerRestartPolicyAlways
	for _, name := range names {
		kind, rest, found := strings.Cut(name, ":")
		c := v1.Container{Name: rest, Image: "img"}
		switch {
		case !found:
			c.Name = name
			p.Spec.Containers = append(p.Spec.Containers, c)
		case kind == "s":
			c.RestartPolicy = &always
			p.Spec.InitContainers = append(p.Spec.InitContainers, c)
		case kind == "e":
			p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, v1.EphemeralContainer{
				EphemeralContainerCommon: v1.EphemeralContainerCommon(c),
			})
		default:
			p.Spec.InitContainers = append(p.Spec.InitContainers, c)
		}
	}
	return p
}

// state reads "sandbox c=running d=exited:1": the newest container of a name
// comes first, "sandbox!" is one that is not ready, "c@old=" one in another sandbox.
func state(p *v1.Pod, text string) *cri.Pod {
	rt := &cri.Pod{}
	for i, word := range strings.Fields(text) {
		switch word {
		case "sandbox", "sandbox!":
			s := &runtimeapi.PodSandboxStatus{Id: "s1", Metadata: &runtimeapi.PodSandboxMetadata{Attempt: 4}}
			if word == "sandbox!" {
				s.State = runtimeapi.PodSandboxState_SANDBOX_NOTREADY
			}
			rt.Sandboxes = append(rt.Sandboxes, s)
			continue
		}
		name, what, _ := strings.Cut(word, "=")
		name, sandbox, moved := strings.Cut(name, "@")
		if !moved {
			sandbox = "s1"
		}
		c := &cri.Container{SandboxID: sandbox, ContainerStatus: &runtimeapi.ContainerStatus{Id: fmt.Sprintf("%s-%d", name, i)}}
		c.Name = name
		c.RestartCount = 2
		for _, list := range [][]v1.Container{p.Spec.InitContainers, p.Spec.Containers} {
			for j := range list {
				if list[j].Name == name {
					c.Hash = cri.Hash(&list[j])
				}
			}
		}
		switch what, code, _ := strings.Cut(what, ":"); what {
		case "running":
			c.State = runtimeapi.ContainerState_CONTAINER_RUNNING
		case "stale":
			c.State, c.Hash = runtimeapi.ContainerState_CONTAINER_RUNNING, 1
		case "exited":
			c.State = runtimeapi.ContainerState_CONTAINER_EXITED
			c.FinishedAt = now.Add(-time.Second).UnixNano()
			fmt.Sscan(code, &c.ExitCode)
		}
		rt.Containers = append(rt.Containers, c)
	}
	return rt
}

// show is a plan in the notation of the tables below.
func show(p Plan) string {
	var parts []string
	if p.NewSandbox {
		parts = append(parts, fmt.Sprintf("sandbox#%d", p.Attempt))
	}
	for _, stage := range p.Kill {
		var names []string
		for _, k := range stage {
			names = append(names, k.Container.Name)
		}
		parts = append(parts, "kill("+strings.Join(names, ",")+")")
	}
	for _, s := range p.Start {
		parts = append(parts, fmt.Sprintf("start(%s#%d)", s.Container.Name, s.Restarts))
	}
	for name := range p.Waiting {
		parts = append(parts, "wait("+name+")")
	}
	if p.Done {
		parts = append(parts, "done")
	}
	return strings.Join(parts, " ")
}

func TestNext(t *testing.T) {
	always, onFailure, never := v1.RestartPolicyAlways, v1.RestartPolicyOnFailure, v1.RestartPolicyNever
	for _, c := range []struct {
		name  string
		pod   *v1.Pod
		state string
		stop  bool
		want  string
	}{
		{"nothing there", pod(always, "a"), "", false, "sandbox#0"},
		{"sandbox ready", pod(always, "a", "b"), "sandbox", false, "start(a#0) start(b#0)"},
		{"all run", pod(always, "a", "b"), "sandbox a=running b=running", false, ""},
		{"one missing", pod(always, "a", "b"), "sandbox a=running", false, "start(b#0)"},
		{"created and never started", pod(always, "a"), "sandbox a=created", false, "start(a#3)"},
		{"image changed", pod(always, "a"), "sandbox a=stale", false, "kill(a)"},
		{"two instances", pod(always, "a"), "sandbox a=running a=running", false, "kill(a)"},

		{"always: crashed", pod(always, "a"), "sandbox a=exited:1", false, "start(a#3)"},
		{"always: ended well", pod(always, "a"), "sandbox a=exited:0", false, "start(a#3)"},
		{"on failure: crashed", pod(onFailure, "a"), "sandbox a=exited:1", false, "start(a#3)"},
		{"on failure: ended well", pod(onFailure, "a"), "sandbox a=exited:0", false, "done"},
		{"on failure: one of two ended", pod(onFailure, "a", "b"), "sandbox a=exited:0 b=running", false, ""},
		{"never: crashed", pod(never, "a"), "sandbox a=exited:1", false, "done"},

		{"sandbox died", pod(always, "a"), "sandbox! a=exited:137", false, "sandbox#5"},
		{"sandbox died, container lives", pod(always, "a"), "sandbox! a=running", false, "kill(a)"},
		{"sandbox died after the work", pod(onFailure, "a"), "sandbox! a=exited:0", false, "done"},
		{"sandbox died, to be tried again", pod(onFailure, "a"), "sandbox! a=exited:1", false, "sandbox#5"},
		{"sandbox died, never again", pod(never, "a", "b"), "sandbox! a=exited:137", false, "done"},
		{"sandbox died before the first container", pod(never, "a"), "sandbox!", false, "sandbox#5"},
		{"new sandbox after the old died", pod(always, "a"), "sandbox a@old=exited:137", false, "start(a#3)"},
		{"runs in another sandbox", pod(always, "a"), "sandbox a@old=running", false, "kill(a)"},

		{"init first", pod(always, "i:x", "i:y", "a"), "sandbox", false, "start(x#0)"},
		{"init runs", pod(always, "i:x", "a"), "sandbox x=running", false, ""},
		{"init one after another", pod(always, "i:x", "i:y", "a"), "sandbox x=exited:0", false, "start(y#0)"},
		{"init done", pod(always, "i:x", "a"), "sandbox x=exited:0", false, "start(a#0)"},
		{"init failed, again", pod(always, "i:x", "a"), "sandbox x=exited:1", false, "start(x#3)"},
		{"init failed for good", pod(never, "i:x", "a"), "sandbox x=exited:1", false, "done"},
		{"init was removed", pod(always, "i:x", "a"), "sandbox a=running", false, ""},
		{"new sandbox: init again", pod(always, "i:x", "a"), "sandbox x@old=exited:0 a@old=exited:137", false, "start(x#3)"},

		{"sidecar first", pod(always, "s:x", "i:y", "a"), "sandbox", false, "start(x#0)"},
		{"sidecar not started yet", pod(always, "s:slow", "a"), "sandbox slow=running", false, ""},
		{"sidecar started", pod(always, "s:x", "i:y", "a"), "sandbox x=running", false, "start(y#0)"},
		{"sidecar crashed", pod(never, "s:x", "a"), "sandbox x=exited:1 a=running", false, "start(x#3)"},
		{"sidecars do not keep a pod alive", pod(never, "s:x", "s:y", "a"), "sandbox x=running y=running a=exited:0", false, "kill(y) kill(x) done"},
		{"sidecar ended after the work", pod(never, "s:x", "a"), "sandbox x=exited:0 a=exited:0", false, "done"},

		{"ephemeral: at once", pod(always, "i:x", "a", "e:d"), "sandbox x=running", false, "start(d#0)"},
		{"ephemeral: not again", pod(always, "a", "e:d"), "sandbox a=running d=exited:1", false, ""},
		{"ephemeral: does not keep a pod alive", pod(never, "a", "e:d"), "sandbox a=exited:0 d=running", false, "kill(d) done"},
		{"ephemeral: after what is to be killed", pod(always, "a", "e:d"), "sandbox a=stale", false, "kill(a)"},

		{"stop: main ones, then sidecars in reverse", pod(always, "s:x", "s:y", "a", "b"), "sandbox x=running y=running a=running b=running", true, "kill(a,b) kill(y) kill(x) done"},
		{"stop: nothing runs", pod(always, "a"), "sandbox a=exited:0", true, "done"},
		{"stop: nothing there", pod(always, "a"), "", true, "done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rt := state(c.pod, c.state)
			health := map[string]Health{}
			for _, r := range rt.Containers {
				health[r.Id] = Health{Started: r.Name != "slow", Ready: true}
			}
			got := show(Next(Input{Pod: c.pod, Runtime: rt, Now: now, Stop: c.stop, Health: health}))
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFailedProbeRestarts(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "s:x", "a")
	rt := state(p, "sandbox x=running a=running")
	for id, want := range map[string]string{
		rt.Containers[0].Id: "Container x failed liveness probe, will be restarted",
		rt.Containers[1].Id: "Container a failed liveness probe, will be restarted",
	} {
		health := map[string]Health{rt.Containers[0].Id: {Started: true}, rt.Containers[1].Id: {Started: true}}
		health[id] = Health{Started: true, Failed: "liveness"}
		got := Next(Input{Pod: p, Runtime: rt, Now: now, Health: health})
		if len(got.Kill) != 1 || got.Kill[0][0].Container.Id != id || got.Kill[0][0].Why != want {
			t.Errorf("got %+v, want the kill of %s because %q", got.Kill, id, want)
		}
	}
}

func TestProbesOwnGrace(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a")
	seconds := int64(3)
	p.Spec.Containers[0].LivenessProbe = &v1.Probe{TerminationGracePeriodSeconds: &seconds}
	rt := state(p, "sandbox a=running")
	got := Next(Input{Pod: p, Runtime: rt, Now: now, Health: map[string]Health{rt.Containers[0].Id: {Started: true, Failed: "liveness"}}})
	if len(got.Kill) != 1 || got.Kill[0][0].Grace == nil || *got.Kill[0][0].Grace != 3 {
		t.Errorf("got %+v", got.Kill)
	}
}

func TestContainerRestartRules(t *testing.T) {
	never := v1.ContainerRestartPolicyNever
	c := &v1.Container{Name: "a", RestartPolicy: &never, RestartPolicyRules: []v1.ContainerRestartRule{{
		Action:    v1.ContainerRestartRuleActionRestart,
		ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: v1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}},
	}}}
	p := pod(v1.RestartPolicyAlways)
	p.Spec.Containers = []v1.Container{*c}
	for code, want := range map[int32]bool{42: true, 1: false, 0: false} {
		exited := &cri.Container{ContainerStatus: &runtimeapi.ContainerStatus{ExitCode: code}}
		if got := ShouldRestart(p, c, exited); got != want {
			t.Errorf("exit code %d: restart %v, want %v", code, got, want)
		}
	}
}

// TestBackoff follows a container that crashes a second after each start.
func TestBackoff(t *testing.T) {
	var b Backoff
	var delays []time.Duration
	for i := range 8 {
		exited := &cri.Container{ContainerStatus: &runtimeapi.ContainerStatus{
			Id: fmt.Sprint(i), StartedAt: now.UnixNano(), FinishedAt: now.Add(time.Second).UnixNano(),
		}}
		delays = append(delays, b.Delay(exited))
		b = b.Restarted(exited)
		if again := b.Restarted(exited); again != b {
			t.Fatalf("exit %d was counted twice", i)
		}
	}
	want := "[0s 10s 20s 40s 1m20s 2m40s 5m0s 5m0s]"
	if got := fmt.Sprint(delays); got != want {
		t.Errorf("delays %s, want %s", got, want)
	}
	long := &cri.Container{ContainerStatus: &runtimeapi.ContainerStatus{
		Id: "long", StartedAt: now.UnixNano(), FinishedAt: now.Add(11 * time.Minute).UnixNano(),
	}}
	if d := b.Delay(long); d != 0 {
		t.Errorf("a container that ran for 11 minutes waits %v", d)
	}
	if next := b.Restarted(long).Next; next != 10*time.Second {
		t.Errorf("and the one after it %v, want 10s", next)
	}
}

func TestBackoffMakesWait(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a", "b")
	in := Input{Pod: p, Runtime: state(p, "sandbox a=exited:1 b=exited:1"), Now: now, Backoffs: map[string]Backoff{"a": {Next: 10 * time.Second}}}
	got := Next(in)
	if s := show(got); s != "start(b#3) wait(a)" {
		t.Errorf("got %q", s)
	}
	if want := now.Add(9 * time.Second); !got.Wake.Equal(want) {
		t.Errorf("wakes at %v, want %v", got.Wake, want)
	}
	in.Now = got.Wake
	if s := show(Next(in)); s != "start(a#3) start(b#3)" {
		t.Errorf("after the back-off: %q", s)
	}
}

func TestRestartCountSurvivesRemovedContainers(t *testing.T) {
	p := pod(v1.RestartPolicyAlways, "a")
	p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "a", RestartCount: 6, ContainerID: "containerd://gone"}}
	if got := show(Next(Input{Pod: p, Runtime: state(p, "sandbox"), Now: now})); got != "start(a#7)" {
		t.Errorf("got %q", got)
	}
}
