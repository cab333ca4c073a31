package pods

import (
	"strings"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/plan"
	"slowmo/pkg/kubelet/probe"
	"slowmo/pkg/kubelet/status"
)

// probe makes the probes be those of the containers that run.
func (w *worker) probe(in *inbox, runtime *cri.Pod) {
	running := map[string]bool{}
	podIPs := status.PodIPs(in.pod, runtime, w.m.HostIPs)
	for _, list := range [][]v1.Container{in.pod.Spec.InitContainers, in.pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			r := runtime.Container(c.Name)
			if r == nil || !r.Running() {
				continue
			}
			running[r.Id] = true
			if w.probes[r.Id] == nil {
				w.probes[r.Id] = w.startProbes(in.pod, c, r, podIPs)
			}
		}
	}
	w.stopProbes(running)
}

// startProbes begins with what is known already: a container that an earlier
// kubelet started, and reported as ready, stays so until a probe says otherwise.
func (w *worker) startProbes(pod *v1.Pod, c *v1.Container, r *cri.Container, podIPs []string) *probe.Runner {
	var before plan.Health
	for _, list := range [][]v1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if s := &list[i]; s.Name == c.Name && strings.HasSuffix(s.ContainerID, "://"+r.Id) {
				before = plan.Health{Started: s.Started != nil && *s.Started, Ready: s.Ready}
			}
		}
	}
	// A probe outlives the pass in which it is started, but not the kubelet.
	return probe.Start(w.m.ctx, probe.Options{
		Target:    w.target(c, r.Id, podIPs),
		StartedAt: r.StartedAtTime(),
		Before:    before,
		Changed:   w.poke,
		Count:     w.m.Metrics.Probes,
		Report: func(kind, verb, output string) {
			w.m.Recorder.Eventf(events.Container(pod, c.Name), v1.EventTypeWarning, events.Unhealthy, "%s probe %s: %s", kind, verb, output)
		},
	})
}

func (w *worker) target(c *v1.Container, id string, podIPs []string) probe.Target {
	t := probe.Target{ID: id, Container: c, Runtime: w.m.Runtime}
	if len(podIPs) > 0 {
		t.PodIP = podIPs[0]
	}
	return t
}

// stopProbes ends the probes of all containers but those to keep.
func (w *worker) stopProbes(keep map[string]bool) {
	for id, r := range w.probes {
		if !keep[id] {
			r.Stop()
			delete(w.probes, id)
		}
	}
}

// health is what the probes say, by container id.
func (w *worker) health() map[string]plan.Health {
	health := make(map[string]plan.Health, len(w.probes))
	for id, r := range w.probes {
		health[id] = r.Health()
	}
	return health
}
