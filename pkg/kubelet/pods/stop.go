package pods

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/plan"
)

// minAfterHook is how long a container has after a preStop hook that used up
// the grace period.
const minAfterHook = 2 * time.Second

// kill stops containers stage by stage. All share the grace period.
func (w *worker) kill(ctx, stop context.Context, pod *v1.Pod, stages [][]plan.Kill, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	for _, stage := range stages {
		var group errgroup.Group
		for _, k := range stage {
			until := deadline
			if k.Grace != nil {
				until = time.Now().Add(time.Duration(*k.Grace) * time.Second)
			}
			group.Go(func() error { return w.killOne(ctx, stop, pod, k, until) })
		}
		err := group.Wait()
		for _, k := range stage {
			if r := w.probes[k.Container.Id]; r != nil && err == nil {
				r.Stop()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// killOne runs the preStop hook and stops the container by the deadline.
func (w *worker) killOne(ctx, stop context.Context, pod *v1.Pod, k plan.Kill, deadline time.Time) error {
	c := k.Container
	why := k.Why
	if why == "" {
		why = fmt.Sprintf("Stopping container %s", c.Name)
	}
	ref := events.Container(pod, c.Name)
	if w.firstKill(c.Id) {
		// A second attempt, with less grace, neither says so nor runs the hook again.
		w.m.Recorder.Event(ref, v1.EventTypeNormal, events.Killing, why)
		deadline = w.preStop(stop, pod, c, deadline)
	}
	left := max(time.Until(deadline), 0)
	// Whole seconds are all that CRI knows; rounding up keeps the promise.
	seconds := int64((left + time.Second - 1) / time.Second)
	_, err := w.m.Runtime.StopContainer(stop, &runtimeapi.StopContainerRequest{ContainerId: c.Id, Timeout: seconds})
	if err != nil && !cri.IsNotFound(err) {
		if stop.Err() != nil {
			return stop.Err() // to be stopped with less grace
		}
		w.m.Recorder.Eventf(ref, v1.EventTypeWarning, events.FailedKillPod, "error killing container: %v", err)
		return fmt.Errorf("stop container %s: %w", c.Name, err)
	}
	return nil
}

// firstKill tells whether the container is being stopped for the first time.
func (w *worker) firstKill(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := !w.killed[id]
	w.killed[id] = true
	return first
}

// preStop runs the hook within the grace period and returns the deadline that
// then holds.
func (w *worker) preStop(ctx context.Context, pod *v1.Pod, c *cri.Container, deadline time.Time) time.Time {
	hook := c.PreStop
	container := &v1.Container{Name: c.Name}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == c.Name && list[i].Lifecycle != nil {
				container, hook = &list[i], list[i].Lifecycle.PreStop
			}
		}
	}
	if hook == nil || !time.Now().Before(deadline) {
		return deadline
	}
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := runHook(limited, hook, w.target(container, c.Id, w.podIPs(pod))); err != nil && ctx.Err() == nil {
		w.m.Recorder.Event(events.Container(pod, c.Name), v1.EventTypeWarning, events.FailedPreStopHook, "PreStopHook failed")
		slog.WarnContext(ctx, "preStop hook failed", "pod", pod.Namespace+"/"+pod.Name, "container", c.Name, "err", err)
	}
	if least := time.Now().Add(minAfterHook); deadline.Before(least) {
		return least
	}
	return deadline
}

// end brings a pod to its end: containers, sandbox, volumes, then its last
// status. A pod that was deleted leaves nothing on the node and is removed from
// the API; one that finished by itself keeps its containers for their logs.
func (w *worker) end(ctx, stop context.Context, in *inbox, runtime *cri.Pod, p plan.Plan) error {
	if w.finished {
		return nil
	}
	if w.stopSince.IsZero() {
		w.stopSince = time.Now()
	}
	for _, r := range w.probes {
		r.OnlyReadiness() // a pod that ends is not to be restarted
	}
	if len(p.Kill) > 0 {
		left := max(grace(in.pod)-time.Since(w.stopSince), 0)
		if err := w.kill(ctx, stop, in.pod, p.Kill, left); err != nil {
			return err
		}
		var err error
		if runtime, err = cri.ReadPod(ctx, w.m.Runtime, w.uid); err != nil {
			return err
		}
		if running := runtime.Running(); len(running) > 0 {
			return fmt.Errorf("container %s is still running after it was stopped", running[0].Name)
		}
	}
	w.stopProbes(nil)
	var group errgroup.Group
	group.Go(func() error { return w.stopSandboxes(ctx, runtime) })
	group.Go(w.volumes.Unmount)
	if err := group.Wait(); err != nil {
		return err
	}
	w.mounts = mounts{}
	if !in.gone {
		w.report(ctx, in, runtime, true)
	}
	if !in.gone && in.pod.DeletionTimestamp == nil {
		return nil
	}
	w.writer.Finish(cause.From(ctx).With(cause.Of(in.pod, "pods")))
	return w.remove(ctx, in.pod, runtime)
}

// stopSandboxes stops all of the pod's; it is idempotent.
func (w *worker) stopSandboxes(ctx context.Context, runtime *cri.Pod) error {
	for _, s := range runtime.Sandboxes {
		if _, err := w.m.Runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: s.Id}); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("stop sandbox: %w", err)
		}
	}
	return nil
}

// remove leaves nothing of the pod on the node.
func (w *worker) remove(ctx context.Context, pod *v1.Pod, runtime *cri.Pod) error {
	for _, c := range runtime.Containers {
		w.m.unlinkLog(pod, c.Name, c.Id)
		w.m.disown(c.Id)
	}
	for _, s := range runtime.Sandboxes {
		// It removes the sandbox's containers too.
		if _, err := w.m.Runtime.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: s.Id}); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("remove sandbox: %w", err)
		}
		w.m.disown(s.Id)
	}
	if len(runtime.Sandboxes) == 0 {
		for _, c := range runtime.Containers {
			if _, err := w.m.Runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: c.Id}); err != nil && !cri.IsNotFound(err) {
				return fmt.Errorf("remove container: %w", err)
			}
		}
	}
	err := errors.Join(
		w.volumes.Teardown(),
		os.RemoveAll(w.m.Spec.LogDir(pod.Namespace, pod.Name, pod.UID)),
		w.m.Spec.Cgroups.Remove(w.uid),
	)
	if err != nil {
		return err
	}
	w.m.Images.Forget(w.uid)
	w.finished = true
	return nil
}

// podIPs are the pod's addresses as last reported.
func (w *worker) podIPs(pod *v1.Pod) []string {
	s := &pod.Status
	if w.last != nil {
		s = w.last
	}
	if pod.Spec.HostNetwork {
		return w.m.HostIPs
	}
	var ips []string
	for _, ip := range s.PodIPs {
		ips = append(ips, ip.IP)
	}
	return ips
}
