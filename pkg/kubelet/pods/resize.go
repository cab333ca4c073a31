package pods

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/plan"
	"slowmo/pkg/kubelet/spec"
)

// resize gives running containers the resources that their spec says, if that
// has changed: in place, or by a restart where resizePolicy asks for one.
// https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
func (w *worker) resize(ctx, stop context.Context, pod *v1.Pod, runtime *cri.Pod) error {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			r := runtime.Container(c.Name)
			if r == nil || !r.Running() {
				continue
			}
			have, known := w.applied[r.Id]
			if !known {
				have = reported(pod, c, r)
				w.applied[r.Id] = have
			}
			if equality.Semantic.DeepEqual(have, c.Resources) {
				continue
			}
			if err := w.resizeOne(ctx, stop, pod, c, r, have); err != nil {
				return err
			}
			w.applied[r.Id] = *c.Resources.DeepCopy()
		}
	}
	for id := range w.applied {
		if runtime.ByID(id) == nil {
			delete(w.applied, id)
		}
	}
	return nil
}

// reported are the resources that the status says a container has, for one that
// an earlier kubelet started.
func reported(pod *v1.Pod, c *v1.Container, r *cri.Container) v1.ResourceRequirements {
	for _, list := range [][]v1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if s := &list[i]; s.Resources != nil && strings.HasSuffix(s.ContainerID, "://"+r.Id) {
				return *s.Resources
			}
		}
	}
	return c.Resources
}

func (w *worker) resizeOne(ctx, stop context.Context, pod *v1.Pod, c *v1.Container, r *cri.Container, have v1.ResourceRequirements) error {
	if needsRestart(c, have) {
		why := plan.Kill{Container: r, Why: fmt.Sprintf("Container %s resize requires restart", c.Name)}
		return w.killOne(ctx, stop, pod, why, time.Now().Add(grace(pod)))
	}
	if err := w.m.Spec.Cgroups.Create(pod); err != nil {
		return err
	}
	_, err := w.m.Runtime.UpdateContainerResources(ctx, &runtimeapi.UpdateContainerResourcesRequest{
		ContainerId: r.Id, Linux: spec.Resources(pod, c, w.m.MemoryCapacity),
	})
	if err != nil {
		w.m.Recorder.Eventf(events.Container(pod, c.Name), v1.EventTypeWarning, "ResizeError", "Error resizing container: %v", err)
		return fmt.Errorf("resize container %s: %w", c.Name, err)
	}
	w.m.Recorder.Event(events.Container(pod, c.Name), v1.EventTypeNormal, "ResizeCompleted", "Container resized")
	return nil
}

// needsRestart tells whether a resource changed whose policy is to restart.
func needsRestart(c *v1.Container, have v1.ResourceRequirements) bool {
	for _, p := range c.ResizePolicy {
		if p.RestartPolicy != v1.RestartContainer {
			continue
		}
		before, after := have.Limits[p.ResourceName], c.Resources.Limits[p.ResourceName]
		requested, requests := have.Requests[p.ResourceName], c.Resources.Requests[p.ResourceName]
		if before.Cmp(after) != 0 || requested.Cmp(requests) != 0 {
			return true
		}
	}
	return false
}
