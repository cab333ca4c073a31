package pods

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/objects"
	"slowmo/pkg/kubelet/plan"
	"slowmo/pkg/kubelet/spec"
	"slowmo/pkg/kubelet/status"
)

// sync is one pass: look, decide, act, until there is nothing to do now. It
// returns when to look again if nothing happens (zero: never). ctx is for what
// has to be done to its end, stop for what may be cut short by news.
func (w *worker) sync(ctx, stop context.Context, in *inbox) (time.Time, error) {
	if err := w.closeBooks(ctx, in); err != nil {
		return time.Time{}, err
	}
	if in.dirty {
		clear(w.retry)
		w.mounts.stale()
	}
	if w.held != in.pod.Generation || w.held == 0 {
		w.m.Objects.Hold(w.uid, objects.Refs(in.pod), w.changed)
		w.held = in.pod.Generation
	}
	if in.network {
		w.sandboxRetry.reset()
	}
	clear(w.images)
	var runtime *cri.Pod
	for {
		if runtime == nil {
			var err error
			if runtime, err = w.read(ctx); err != nil {
				return time.Time{}, err
			}
		}
		w.admit(in, runtime)
		w.probe(in, runtime)
		p := plan.Next(w.input(in, runtime))
		if p.Done {
			return time.Time{}, w.end(ctx, stop, in, runtime, p)
		}
		w.noteBackoffs(in.pod, runtime, p)
		w.report(ctx, in, runtime, false)
		after, progress, err := w.perform(ctx, stop, in, runtime, p)
		if err != nil {
			return time.Time{}, err
		}
		if !progress {
			w.report(ctx, in, runtime, false)
			return w.next(in, p), w.refreshVolumes(stop, in)
		}
		if stop.Err() != nil {
			return time.Time{}, stop.Err()
		}
		runtime = after
	}
}

// read asks the runtime for all that it has of the pod.
func (w *worker) read(ctx context.Context) (*cri.Pod, error) {
	if w.unknown {
		w.unknown = false
		return &cri.Pod{}, nil
	}
	return cri.ReadPod(ctx, w.m.Runtime, w.uid)
}

// closeBooks makes the runtime's state agree with the exits that were heard of:
// the event can be earlier than the runtime's own note of it, and stopping what
// has ended waits for that.
func (w *worker) closeBooks(ctx context.Context, in *inbox) error {
	for id := range in.exits {
		if w.m.isSandbox(id) {
			if _, err := w.m.Runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: id}); err != nil && !cri.IsNotFound(err) {
				return fmt.Errorf("stop sandbox that ended: %w", err)
			}
			continue
		}
		if _, err := w.m.Runtime.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: id}); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("stop container that ended: %w", err)
		}
	}
	return nil
}

// admit gives a verdict on a pod that cannot run, or no longer may.
func (w *worker) admit(in *inbox, runtime *cri.Pod) {
	if in.ending() {
		return
	}
	v := w.m.rejection(in.pod, runtime)
	if deadline := w.deadline(in.pod); v == nil && !deadline.IsZero() && !time.Now().Before(deadline) {
		v = &status.Verdict{Reason: events.DeadlineExceeded, Message: "Pod was active on the node longer than the specified deadline"}
	}
	if v == nil {
		return
	}
	w.m.Recorder.Event(events.Pod(in.pod), v1.EventTypeWarning, v.Reason, v.Message)
	in.verdict = v
	w.mu.Lock()
	w.inbox.verdict = v
	w.mu.Unlock()
}

// deadline is when the pod has been active for too long; zero means never.
func (w *worker) deadline(pod *v1.Pod) time.Time {
	start := pod.Status.StartTime
	if w.last != nil {
		start = w.last.StartTime
	}
	if pod.Spec.ActiveDeadlineSeconds == nil || start == nil {
		return time.Time{}
	}
	return start.Add(time.Duration(*pod.Spec.ActiveDeadlineSeconds) * time.Second)
}

func (w *worker) input(in *inbox, runtime *cri.Pod) plan.Input {
	return plan.Input{
		Pod: in.pod, Runtime: runtime, Now: time.Now(), Stop: in.ending(),
		Health: w.health(), Backoffs: w.backoffs,
	}
}

// perform does the plan's step. progress tells whether anything was done, so
// that it is worth looking again at once. after is what the runtime then has, as
// far as that is known: only this worker makes things for its pod, so after a
// success it is what there was and what was made. nil means that it has to be read.
func (w *worker) perform(ctx, stop context.Context, in *inbox, runtime *cri.Pod, p plan.Plan) (after *cri.Pod, progress bool, err error) {
	if err := w.resize(ctx, stop, in.pod, runtime); err != nil {
		return nil, false, err
	}
	switch {
	case p.NewSandbox:
		return w.newSandbox(ctx, stop, in, runtime, p.Attempt)
	case len(p.Kill) > 0:
		return nil, true, w.kill(ctx, stop, in.pod, p.Kill, grace(in.pod))
	case len(p.Start) == 0:
		return nil, false, nil
	}
	if err := w.mount(stop, in.pod); err != nil {
		return nil, false, nil // reported; mounts knows when to try again
	}
	return w.startAll(ctx, stop, in, runtime, p.Start)
}

// startAll starts those containers that are not to be tried again later only.
func (w *worker) startAll(ctx, stop context.Context, in *inbox, runtime *cri.Pod, starts []plan.Start) (after *cri.Pod, progress bool, err error) {
	var made []string
	known := true
	for _, s := range starts {
		if stop.Err() != nil {
			return nil, progress, nil
		}
		if time.Now().Before(w.retry[s.Container.Name]) {
			continue
		}
		id, ok := w.start(ctx, stop, in, runtime, s)
		made = append(made, id)
		known = known && ok && runtime.Container(s.Container.Name) == nil // else older ones may have been removed
		progress = true
	}
	if !progress || !known {
		return nil, progress, nil
	}
	after, err = runtime.AddContainers(ctx, w.m.Runtime, runtime.Ready().GetId(), made)
	return after, true, err
}

// newSandbox makes the sandbox.
func (w *worker) newSandbox(ctx, stop context.Context, in *inbox, runtime *cri.Pod, attempt uint32) (after *cri.Pod, progress bool, err error) {
	if w.sandboxRetry.waits() {
		return nil, false, nil
	}
	pod := in.pod
	if err := w.m.networkError(); err != nil && !pod.Spec.HostNetwork {
		w.m.Recorder.Eventf(events.Pod(pod), v1.EventTypeWarning, events.NetworkNotReady, "network is not ready: %v", err)
		w.sandboxRetry.failed() // the manager pokes all workers when it is ready
		return nil, false, nil
	}
	if attempt > 0 {
		w.m.Recorder.Event(events.Pod(pod), v1.EventTypeNormal, events.SandboxChanged, "Pod sandbox changed, it will be killed and re-created.")
		if err := w.stopSandboxes(ctx, runtime); err != nil {
			return nil, false, err
		}
	}
	id, err := w.runSandbox(stop, pod, attempt)
	if err != nil {
		if stop.Err() != nil {
			return nil, false, stop.Err()
		}
		w.m.Recorder.Eventf(events.Pod(pod), v1.EventTypeWarning, events.FailedCreatePodSandBox, "Failed to create pod sandbox: %v", err)
		w.sandboxRetry.failed()
		return nil, false, nil
	}
	w.sandboxRetry.reset()
	if !runtime.Empty() {
		return nil, true, nil
	}
	after, err = runtime.AddSandbox(ctx, w.m.Runtime, id)
	return after, true, err
}

// runSandbox has the runtime make the sandbox. What it can do beside that, so that
// the containers need not wait for it: make the volumes and look for the images.
func (w *worker) runSandbox(ctx context.Context, pod *v1.Pod, attempt uint32) (id string, err error) {
	cautious := w.sandboxRetry.delay > 0 // the last attempt failed
	config, err := w.m.Spec.Sandbox(pod, attempt, cautious)
	if err != nil {
		return "", err
	}
	if err := w.m.Spec.Cgroups.Create(pod); err != nil {
		return "", err
	}
	if err := w.m.makeLogDir(config.LogDirectory); err != nil {
		return "", err
	}
	var beside sync.WaitGroup
	beside.Go(func() { _ = w.mount(ctx, pod) }) // an error is reported, and found again before a start
	beside.Go(func() { w.findImages(ctx, pod) })
	defer beside.Wait()
	answer, err := w.m.Runtime.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: config})
	if err != nil {
		return "", err
	}
	w.m.own(answer.PodSandboxId, w.uid, true)
	return answer.PodSandboxId, nil
}

// noteBackoffs records which containers wait after a crash, and says so once a crash.
func (w *worker) noteBackoffs(pod *v1.Pod, runtime *cri.Pod, p plan.Plan) {
	for name, reason := range w.waiting {
		if _, waits := p.Waiting[name]; !waits && reason.Reason == crashLoop {
			delete(w.waiting, name)
		}
	}
	for name, delay := range p.Waiting {
		message := fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", delay, name, pod.Name, pod.Namespace, pod.UID)
		if w.waiting[name].Message == message {
			continue
		}
		w.waiting[name] = v1.ContainerStateWaiting{Reason: crashLoop, Message: message}
		w.m.Recorder.Eventf(events.Container(pod, name), v1.EventTypeWarning, events.BackOff,
			"Back-off restarting failed container %s in pod %s_%s(%s)", name, pod.Name, pod.Namespace, pod.UID)
	}
}

const crashLoop = "CrashLoopBackOff"

// report builds the status and hands it to the writer if it changed.
func (w *worker) report(ctx context.Context, in *inbox, runtime *cri.Pod, ended bool) {
	old := w.writer.Current().Status
	if w.last != nil {
		old = *w.last
	}
	w.readMessages(ctx, in.pod, runtime)
	s := status.Build(status.Input{
		Pod: in.pod, Old: old, Runtime: runtime, Now: metav1.Now().Rfc3339Copy(),
		HostIPs: w.m.HostIPs, RuntimeName: w.m.RuntimeName(),
		Health: w.health(), Waiting: maps.Clone(w.waiting), Messages: w.messages,
		Ended: ended, Verdict: in.verdict,
	})
	if !w.started && s.Phase == v1.PodRunning {
		w.started = true
		w.m.Metrics.observeStart(in.pod, in.seen)
	}
	if w.last != nil && reflect.DeepEqual(*w.last, s) {
		return
	}
	w.last = &s
	w.mu.Lock()
	w.shown = &s
	w.mu.Unlock()
	w.writer.Set(&s, cause.From(ctx).With(cause.Of(in.pod, "pods")))
}

// next is when a pass is due if nothing happens before.
func (w *worker) next(in *inbox, p plan.Plan) time.Time {
	next := p.Wake
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, s := range p.Start {
		sooner(w.retry[s.Container.Name])
	}
	if p.NewSandbox {
		sooner(w.sandboxRetry.at)
	}
	if len(in.pod.Spec.Volumes) > 0 {
		sooner(w.mounts.due())
	}
	sooner(w.deadline(in.pod))
	return next
}

// sandboxConfig is what the current sandbox was made with, as CreateContainer
// wants to hear it again.
func (w *worker) sandboxConfig(pod *v1.Pod, runtime *cri.Pod) (string, *runtimeapi.PodSandboxConfig, error) {
	sandbox := runtime.Ready()
	if sandbox == nil {
		return "", nil, fmt.Errorf("the pod's sandbox is not ready")
	}
	config, err := w.m.Spec.Sandbox(pod, sandbox.GetMetadata().GetAttempt(), false)
	return sandbox.Id, config, err
}

// envSource is where the environment of the pod's containers comes from.
func (w *worker) envSource(pod *v1.Pod, podIPs []string) spec.EnvSource {
	return spec.EnvSource{
		Objects: w.m.Objects, Services: w.m.Services(pod.Namespace),
		Node: w.m.downwardNode(podIPs), Allocatable: w.m.Allocatable(),
	}
}
