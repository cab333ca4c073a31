// Package plan decides what is to be done for a pod.
//
// Next is a pure function from what a pod should be (its spec), what it is (the
// runtime's state, probe results, earlier crashes) and the time, to the next
// step. It knows no clock, no runtime and no API. The pod's worker performs the
// step, reads the state again and asks again, until there is nothing to do; so
// a step that failed, was lost or was done by an earlier kubelet needs no
// handling of its own.
//
// What Next guarantees:
//
//   - At most one of NewSandbox, Kill and Start is set: one kind of thing a step.
//   - Nothing is started in a pod that is to end, and nothing of a pod that is
//     Done is started ever again.
//   - Init containers run one after another; sidecars (init containers with
//     restartPolicy Always) start in order among them and end after the others,
//     in reverse order.
//   - Ephemeral containers start as soon as there is a sandbox, and once.
//
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
package plan

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// Health is what probes and lifecycle hooks say about one running container.
type Health struct {
	Started bool   // the startup probe, if any, passed
	Ready   bool   // the readiness probe, if any, passes
	Failed  string // "liveness" or "startup": that probe says: restart it
}

// Input is all that a decision depends on. Nothing in it is changed.
type Input struct {
	Pod     *v1.Pod
	Runtime *cri.Pod
	Now     time.Time

	// Stop ends the pod: deleted, evicted or past its deadline.
	Stop bool

	Health   map[string]Health  // by container id; missing means not started
	Backoffs map[string]Backoff // by container name
}

// Plan is the next step.
type Plan struct {
	// NewSandbox: stop the old sandboxes, if any, then run one with this attempt.
	NewSandbox bool
	Attempt    uint32

	// Kill is done stage by stage, the containers of a stage at the same time.
	Kill [][]Kill

	// Start is done in order. A failure does not keep the others from starting.
	Start []Start

	// Waiting are containers that restart later, by name.
	Waiting map[string]time.Duration
	// Wake is when to ask again if nothing else happens; zero means never.
	Wake time.Time

	// Done: nothing of the pod shall run any more. The sandbox may go.
	Done bool
}

// Idle tells whether there is nothing to perform now.
func (p Plan) Idle() bool { return !p.NewSandbox && len(p.Kill) == 0 && len(p.Start) == 0 }

// Start is a container to create and start.
type Start struct {
	Container *v1.Container
	Restarts  int32  // how often it was started before: the new one's restartCount
	Target    string // of an ephemeral container: whose processes it sees; may be empty
}

// Kill is a container to stop. Why is the text of its Killing event; empty
// means the pod ends.
type Kill struct {
	Container *cri.Container
	Why       string
	Grace     *int64 // seconds; nil means the pod's
}

// Next decides. See the package comment.
func Next(in Input) Plan {
	sandbox := in.Runtime.Ready()
	d := decision{Input: in, sandbox: sandbox}
	switch {
	case in.Stop:
		d.stopAll()
	case sandbox == nil:
		d.replaceSandbox()
	case d.killStray():
	default:
		d.run()
	}
	return d.plan
}

// decision is a Plan in the making.
type decision struct {
	Input
	sandbox *runtimeapi.PodSandboxStatus // the ready one, or nil
	plan    Plan
}

// stopAll ends every container: the main ones at once, then the sidecars in
// reverse order, each in a stage of its own.
func (d *decision) stopAll() {
	d.plan = Plan{Done: true}
	sidecars := map[string]bool{}
	for i := range d.Pod.Spec.InitContainers {
		if c := &d.Pod.Spec.InitContainers[i]; IsSidecar(c) {
			sidecars[c.Name] = true
		}
	}
	var first []Kill
	for _, c := range d.Runtime.Running() {
		if !sidecars[c.Name] {
			first = append(first, Kill{Container: c})
		}
	}
	if len(first) > 0 {
		d.plan.Kill = append(d.plan.Kill, first)
	}
	d.stopSidecars()
}

func (d *decision) stopSidecars() {
	for i := len(d.Pod.Spec.InitContainers) - 1; i >= 0; i-- {
		c := &d.Pod.Spec.InitContainers[i]
		if !IsSidecar(c) {
			continue
		}
		var stage []Kill
		for _, r := range d.Runtime.Running() {
			if r.Name == c.Name {
				stage = append(stage, Kill{Container: r})
			}
		}
		if len(stage) > 0 {
			d.plan.Kill = append(d.plan.Kill, stage)
		}
	}
}

// replaceSandbox makes the first sandbox, or one for a pod whose sandbox died.
// A pod whose containers all ended for good needs none.
func (d *decision) replaceSandbox() {
	old := d.Runtime.Sandbox()
	if old != nil && d.finishedWithoutSandbox() {
		d.plan.Done = true
		return
	}
	if running := d.Runtime.Running(); len(running) > 0 {
		var stage []Kill
		for _, c := range running {
			stage = append(stage, Kill{Container: c, Why: "Pod sandbox changed, it will be killed and re-created."})
		}
		d.plan.Kill = [][]Kill{stage}
		return
	}
	d.plan.NewSandbox = true
	if old != nil {
		d.plan.Attempt = old.GetMetadata().GetAttempt() + 1
	}
}

// finishedWithoutSandbox tells whether a pod that lost its sandbox stays as it
// is: every main container was created and would not be restarted.
func (d *decision) finishedWithoutSandbox() bool {
	if d.Pod.Spec.RestartPolicy == v1.RestartPolicyAlways {
		return false
	}
	for i := range d.Pod.Spec.InitContainers {
		c := &d.Pod.Spec.InitContainers[i]
		if r := d.Runtime.Container(c.Name); r != nil && !IsSidecar(c) && r.Exited() && r.ExitCode != 0 &&
			d.Pod.Spec.RestartPolicy == v1.RestartPolicyNever {
			return true
		}
	}
	for i := range d.Pod.Spec.Containers {
		c := &d.Pod.Spec.Containers[i]
		r := d.Runtime.Container(c.Name)
		if r == nil {
			// Never created. With Never a pod runs once in one sandbox.
			if d.Pod.Spec.RestartPolicy == v1.RestartPolicyNever && len(d.Runtime.Containers) > 0 {
				continue
			}
			return false
		}
		if ShouldRestart(d.Pod, c, r) {
			return false
		}
	}
	return true
}

// killStray stops containers of the pod that are in another sandbox, or that
// are an older instance of one that runs.
func (d *decision) killStray() bool {
	var stage []Kill
	for _, c := range d.Runtime.Running() {
		if c.SandboxID != d.sandbox.Id || d.Runtime.Container(c.Name) != c {
			stage = append(stage, Kill{Container: c, Why: fmt.Sprintf("Stopping container %s", c.Name)})
		}
	}
	if len(stage) > 0 {
		d.plan.Kill = [][]Kill{stage}
	}
	return len(stage) > 0
}

// current is the newest container of that name in the sandbox, or nil.
func (d *decision) current(name string) *cri.Container {
	if c := d.Runtime.Container(name); c != nil && c.SandboxID == d.sandbox.Id {
		return c
	}
	return nil
}

// run brings the containers of a pod with a ready sandbox forward.
func (d *decision) run() {
	d.runEphemeral()
	initialized, failed := d.runInit()
	switch {
	case failed:
		d.stopAll()
		return
	case !initialized:
		d.oneKind()
		return
	}
	alive := false
	for i := range d.Pod.Spec.Containers {
		if d.runMain(&d.Pod.Spec.Containers[i]) {
			alive = true
		}
	}
	if !alive && len(d.plan.Kill) == 0 && len(d.plan.Start) == 0 {
		// Sidecars do not keep a pod alive whose work is done.
		d.stopAll()
	}
	d.oneKind()
}

// oneKind leaves what is to be started for the next step if something is to be
// killed in this one.
func (d *decision) oneKind() {
	if len(d.plan.Kill) > 0 {
		d.plan.Start = nil
	}
}

// runMain plans for one main container and tells whether it runs or will.
func (d *decision) runMain(c *v1.Container) (alive bool) {
	r := d.current(c.Name)
	switch {
	case r == nil:
		d.start(c)
	case r.Running():
		d.killToRestart(c, r)
	case r.Exited():
		if !ShouldRestart(d.Pod, c, r) {
			return false
		}
		d.start(c)
	default:
		d.start(c) // created and never started: make a new one
	}
	return true
}

// killToRestart plans the kill of a running container that has to be restarted,
// and tells whether it has to.
func (d *decision) killToRestart(c *v1.Container, r *cri.Container) bool {
	k := Kill{Container: r}
	switch failed := d.Health[r.Id].Failed; {
	case r.Hash != 0 && r.Hash != cri.Hash(c):
		k.Why = fmt.Sprintf("Container %s definition changed, will be restarted", c.Name)
	case failed == "":
		return false
	default:
		k.Why = fmt.Sprintf("Container %s failed %s probe, will be restarted", c.Name, failed)
		probe := c.LivenessProbe
		if failed == "startup" {
			probe = c.StartupProbe
		}
		if probe != nil {
			k.Grace = probe.TerminationGracePeriodSeconds
		}
	}
	d.plan.Kill = append(d.plan.Kill, []Kill{k})
	return true
}

// runEphemeral starts ephemeral containers that were never made.
// https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
func (d *decision) runEphemeral() {
	for i := range d.Pod.Spec.EphemeralContainers {
		e := &d.Pod.Spec.EphemeralContainers[i]
		if d.Runtime.Container(e.Name) == nil {
			d.plan.Start = append(d.plan.Start, Start{Container: Ephemeral(e), Target: e.TargetContainerName})
		}
	}
}

// Ephemeral is an ephemeral container as any other one: its fields are a part of
// theirs.
func Ephemeral(e *v1.EphemeralContainer) *v1.Container {
	return (*v1.Container)(&e.EphemeralContainerCommon)
}

// runInit plans for the init containers. initialized means that the main ones
// may start; failed that they never will.
func (d *decision) runInit() (initialized, failed bool) {
	mainCreated := false
	for i := range d.Pod.Spec.Containers {
		if d.current(d.Pod.Spec.Containers[i].Name) != nil {
			mainCreated = true
		}
	}
	finished := mainCreated && d.mainFinished()
	for i := range d.Pod.Spec.InitContainers {
		c := &d.Pod.Spec.InitContainers[i]
		r := d.current(c.Name)
		switch {
		case IsSidecar(c):
			if finished {
				continue // it is being stopped, not restarted
			}
			if !d.runSidecar(c, r) && !mainCreated {
				return false, false
			}
		case mainCreated:
			// What was initialized stays so, even if its container was removed.
		case r == nil || r.State == runtimeapi.ContainerState_CONTAINER_CREATED:
			d.start(c)
			return false, false
		case r.Running():
			d.killToRestart(c, r)
			return false, false
		case r.ExitCode != 0:
			if !ShouldRestart(d.Pod, c, r) {
				return false, true
			}
			d.start(c)
			return false, false
		}
	}
	return true, false
}

// runSidecar keeps a sidecar up and tells whether it has started.
func (d *decision) runSidecar(c *v1.Container, r *cri.Container) bool {
	if r != nil && r.Running() {
		return !d.killToRestart(c, r) && d.Health[r.Id].Started
	}
	d.start(c)
	return false
}

// mainFinished tells whether no main container runs or would be restarted.
func (d *decision) mainFinished() bool {
	for i := range d.Pod.Spec.Containers {
		c := &d.Pod.Spec.Containers[i]
		r := d.current(c.Name)
		if r == nil || !r.Exited() || ShouldRestart(d.Pod, c, r) {
			return false
		}
	}
	return true
}

// start plans a start now, or later if the container crashed too recently.
func (d *decision) start(c *v1.Container) {
	last := d.Runtime.Container(c.Name)
	if last != nil && last.Exited() {
		delay := d.Backoffs[c.Name].Delay(last)
		at := time.Unix(0, last.FinishedAt).Add(delay)
		if at.After(d.Now) {
			if d.plan.Waiting == nil {
				d.plan.Waiting = map[string]time.Duration{}
			}
			d.plan.Waiting[c.Name] = delay
			if d.plan.Wake.IsZero() || at.Before(d.plan.Wake) {
				d.plan.Wake = at
			}
			return
		}
	}
	d.plan.Start = append(d.plan.Start, Start{Container: c, Restarts: d.restarts(c.Name, last)})
}

// restarts is the restartCount of the next instance. Containers that were
// removed are still counted in the pod's status.
func (d *decision) restarts(name string, last *cri.Container) int32 {
	n := int32(0)
	if last != nil {
		n = last.RestartCount + 1
	}
	for _, list := range [][]v1.ContainerStatus{d.Pod.Status.ContainerStatuses, d.Pod.Status.InitContainerStatuses} {
		for i := range list {
			if s := &list[i]; s.Name == name && s.ContainerID != "" && last == nil {
				n = max(n, s.RestartCount+1)
			}
		}
	}
	return n
}
