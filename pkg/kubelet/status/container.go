package status

import (
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/plan"
)

// kind is what part a container has in its pod.
type kind int

const (
	mainKind kind = iota
	initKind
	ephemeralKind
)

// containers makes the statuses of one list of containers, in the spec's order.
func (in *Input) containers(specs []v1.Container, old []v1.ContainerStatus, k kind) []v1.ContainerStatus {
	var list []v1.ContainerStatus
	for i := range specs {
		var before *v1.ContainerStatus
		if n := slices.IndexFunc(old, func(s v1.ContainerStatus) bool { return s.Name == specs[i].Name }); n >= 0 {
			before = &old[n]
		}
		list = append(list, in.container(&specs[i], before, k))
	}
	return list
}

func (in *Input) container(c *v1.Container, old *v1.ContainerStatus, k kind) v1.ContainerStatus {
	newest, previous := in.Runtime.Container(c.Name), in.Runtime.Previous(c.Name)
	s := v1.ContainerStatus{
		Name:               c.Name,
		Image:              c.Image,
		VolumeMounts:       volumeMounts(c),
		Resources:          c.Resources.DeepCopy(),
		AllocatedResources: c.Resources.Requests.DeepCopy(),
	}
	started := false
	if old != nil {
		s.RestartCount, s.LastTerminationState = old.RestartCount, *old.LastTerminationState.DeepCopy()
	}
	if newest != nil {
		in.identify(&s, c, newest)
	}
	if previous != nil && previous.Exited() {
		s.LastTerminationState = v1.ContainerState{Terminated: in.terminated(previous)}
	}
	switch waiting, waits := in.Waiting[c.Name]; {
	case newest == nil:
		in.neverRan(&s, old, waiting, waits, k)
	case newest.Running():
		s.State.Running = &v1.ContainerStateRunning{StartedAt: metav1.NewTime(newest.StartedAtTime())}
		started = in.Health[newest.Id].Started
		s.Ready = in.ready(c, newest, k)
	case newest.Exited():
		t := in.terminated(newest)
		if waits && !in.Ended {
			s.State.Waiting, s.LastTerminationState = &waiting, v1.ContainerState{Terminated: t}
		} else {
			s.State.Terminated = t
			s.Ready = k == initKind && !plan.IsSidecar(c) && t.ExitCode == 0
		}
	default: // created, or unknown
		in.neverRan(&s, nil, waiting, waits, k)
	}
	s.Started = &started
	return s
}

// identify fills in which instance it is.
func (in *Input) identify(s *v1.ContainerStatus, c *v1.Container, r *cri.Container) {
	s.RestartCount = r.RestartCount
	s.ContainerID = in.containerID(r.Id)
	s.ImageID = r.ImageRef
	if r.Hash == 0 || r.Hash == cri.Hash(c) {
		s.Image = imageName(c.Image, r.GetImage().GetImage())
	} else {
		s.Image = r.GetImage().GetImage()
	}
}

func (in *Input) containerID(id string) string { return in.RuntimeName + "://" + id }

// neverRan is the state of a container of which the runtime has nothing that
// ran. In a pod that ended it is given an end of its own, as upstream does, so
// that every container of a finished pod is terminated.
func (in *Input) neverRan(s *v1.ContainerStatus, old *v1.ContainerStatus, waiting v1.ContainerStateWaiting, waits bool, k kind) {
	if old != nil && old.State.Terminated != nil {
		// Its container was removed after it ended: what was reported stays.
		s.State, s.ContainerID, s.ImageID, s.Image, s.Ready = *old.State.DeepCopy(), old.ContainerID, old.ImageID, old.Image, old.Ready
		return
	}
	switch {
	case in.Ended && (k == mainKind || old != nil && old.State.Running != nil):
		s.State.Terminated = &v1.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown",
			Message: "The container could not be located when the pod was terminated",
		}
	case waits:
		s.State.Waiting = &waiting
	case len(in.Pod.Spec.InitContainers) > 0 && k != ephemeralKind:
		s.State.Waiting = &v1.ContainerStateWaiting{Reason: "PodInitializing"}
	default:
		s.State.Waiting = &v1.ContainerStateWaiting{Reason: "ContainerCreating"}
	}
}

func (in *Input) ready(c *v1.Container, r *cri.Container, k kind) bool {
	h := in.Health[r.Id]
	if k == ephemeralKind || k == initKind && !plan.IsSidecar(c) {
		return false
	}
	return h.Started && h.Ready
}

// terminated is how a container ended.
func (in *Input) terminated(r *cri.Container) *v1.ContainerStateTerminated {
	t := &v1.ContainerStateTerminated{
		ExitCode:    r.ExitCode,
		Reason:      r.Reason,
		Message:     r.Message,
		StartedAt:   metav1.NewTime(r.StartedAtTime()),
		FinishedAt:  metav1.NewTime(time.Unix(0, r.FinishedAt)),
		ContainerID: in.containerID(r.Id),
	}
	if t.Reason == "" {
		t.Reason = "Error"
		if t.ExitCode == 0 {
			t.Reason = "Completed"
		}
	}
	if message := in.Messages[r.Id]; message != "" {
		t.Message = message
	}
	return t
}

// imageName is the name under which the status shows an image. The runtime
// answers with any of an image's tags; a tag in the spec is the better answer,
// in its full form.
func imageName(spec, runtime string) string {
	if spec == "" || strings.Contains(spec, "@") {
		if runtime != "" {
			return runtime
		}
		return spec
	}
	host, rest, hasHost := strings.Cut(spec, "/")
	if !hasHost || !strings.ContainsAny(host, ".:") && host != "localhost" {
		if !hasHost {
			rest = "library/" + spec
		} else {
			rest = spec
		}
		host = "docker.io"
	}
	if !strings.Contains(rest, ":") {
		rest += ":latest"
	}
	return host + "/" + rest
}

// volumeMounts are the mounts as made. No mount is made recursively read-only
// but where it is asked for and a runtime handler can do it.
func volumeMounts(c *v1.Container) []v1.VolumeMountStatus {
	var list []v1.VolumeMountStatus
	for _, m := range c.VolumeMounts {
		s := v1.VolumeMountStatus{Name: m.Name, MountPath: m.MountPath, ReadOnly: m.ReadOnly}
		if m.ReadOnly {
			disabled := v1.RecursiveReadOnlyDisabled
			s.RecursiveReadOnly = &disabled
		}
		list = append(list, s)
	}
	return list
}
