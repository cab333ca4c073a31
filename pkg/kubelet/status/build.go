// Package status says how a pod is doing, and tells the API.
//
// Build is pure: from the pod's spec, what the runtime has, and what the worker
// knows besides (probe results, why a container waits) to the PodStatus that
// upstream's kubelet would write. Manager brings it to the API server:
// asynchronously, coalesced, as a strategic merge patch that carries only what
// changed and names the pod's uid, so that it can conflict with nobody.
//
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
package status

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/resource"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/plan"
)

// Input is all that a pod's status depends on. Nothing in it is changed.
type Input struct {
	Pod     *v1.Pod
	Old     v1.PodStatus // what is in the API: keeps times, and conditions of others
	Runtime *cri.Pod
	Now     metav1.Time
	HostIPs []string

	// RuntimeName is the scheme of container ids: "containerd".
	RuntimeName string

	Health map[string]plan.Health // by container id
	// Waiting says why a container that does not run waits, by name.
	Waiting map[string]v1.ContainerStateWaiting
	// Messages are termination messages, by container id.
	Messages map[string]string

	// Ended: nothing of the pod runs or ever will.
	Ended bool
	// Verdict fails the pod as a whole (evicted, deadline, not admitted), or nil.
	Verdict *Verdict
}

// Verdict is why a pod failed as a whole.
type Verdict struct {
	Reason, Message string
	Rejected        bool // it never was to run here
}

// Build makes the status. Its order of conditions is upstream's.
func Build(in Input) v1.PodStatus {
	s := *in.Old.DeepCopy() // keeps what others write: claims, nominated node
	s.ObservedGeneration = in.Pod.Generation
	if s.StartTime == nil {
		s.StartTime = &in.Now
	}
	s.QOSClass = QOS(in.Pod)
	if in.Verdict != nil && in.Verdict.Rejected {
		// Nothing is said about containers: none was ever thought of.
		s.Phase, s.Reason, s.Message = v1.PodFailed, in.Verdict.Reason, "Pod was rejected: "+in.Verdict.Message
		return s
	}
	s.Resources = &v1.ResourceRequirements{}
	if in.Pod.Spec.Resources != nil {
		s.Resources = in.Pod.Spec.Resources.DeepCopy()
	}
	if requests := resource.PodRequests(in.Pod, resource.PodResourcesOptions{}); len(requests) > 0 {
		s.AllocatedResources = requests
	}
	s.ContainerStatuses = in.containers(in.Pod.Spec.Containers, in.Old.ContainerStatuses, mainKind)
	s.InitContainerStatuses = in.containers(in.Pod.Spec.InitContainers, in.Old.InitContainerStatuses, initKind)
	s.EphemeralContainerStatuses = nil
	for i := range in.Pod.Spec.EphemeralContainers {
		one := []v1.Container{*plan.Ephemeral(&in.Pod.Spec.EphemeralContainers[i])}
		s.EphemeralContainerStatuses = append(s.EphemeralContainerStatuses, in.containers(one, in.Old.EphemeralContainerStatuses, ephemeralKind)...)
	}
	s.Phase = in.phase(&s)
	if in.Verdict != nil {
		s.Reason, s.Message = in.Verdict.Reason, in.Verdict.Message
	}
	in.addresses(&s)
	in.conditions(&s)
	return s
}

// addresses are kept once known: a pod that ended still shows where it was.
func (in *Input) addresses(s *v1.PodStatus) {
	s.HostIP, s.HostIPs = "", nil
	for _, ip := range in.HostIPs {
		s.HostIPs = append(s.HostIPs, v1.HostIP{IP: ip})
	}
	if len(s.HostIPs) > 0 {
		s.HostIP = s.HostIPs[0].IP
	}
	ips := PodIPs(in.Pod, in.Runtime, in.HostIPs)
	if len(ips) == 0 && in.Runtime.Ready() == nil {
		return
	}
	s.PodIP, s.PodIPs = "", nil
	for _, ip := range ips {
		s.PodIPs = append(s.PodIPs, v1.PodIP{IP: ip})
	}
	if len(ips) > 0 {
		s.PodIP = ips[0]
	}
}

// PodIPs are the addresses of the pod's sandbox, or the host's for a pod in the
// host's network.
func PodIPs(pod *v1.Pod, runtime *cri.Pod, hostIPs []string) []string {
	sandbox := runtime.Ready()
	if sandbox == nil {
		return nil
	}
	if pod.Spec.HostNetwork {
		return hostIPs
	}
	var ips []string
	if ip := sandbox.GetNetwork().GetIp(); ip != "" {
		ips = append(ips, ip)
	}
	for _, ip := range sandbox.GetNetwork().GetAdditionalIps() {
		ips = append(ips, ip.Ip)
	}
	return ips
}

// phase sums up the containers.
func (in *Input) phase(s *v1.PodStatus) v1.PodPhase {
	if in.Verdict != nil {
		return v1.PodFailed
	}
	if old := in.Old.Phase; old == v1.PodFailed || old == v1.PodSucceeded {
		return old // terminal phases stay
	}
	for i := range in.Pod.Spec.InitContainers {
		c, st := &in.Pod.Spec.InitContainers[i], &s.InitContainerStatuses[i]
		switch t := st.State.Terminated; {
		case plan.IsSidecar(c):
			if st.Started == nil || !*st.Started {
				if !in.anyMainRan(s) {
					return in.pendingUnlessEnded(s)
				}
			}
		case t == nil:
			if !in.anyMainRan(s) {
				return in.pendingUnlessEnded(s)
			}
		case t.ExitCode != 0:
			if in.Ended {
				return v1.PodFailed
			}
			return v1.PodPending
		}
	}
	return in.mainPhase(s)
}

func (in *Input) pendingUnlessEnded(s *v1.PodStatus) v1.PodPhase {
	if in.Ended {
		return in.endPhase(s)
	}
	return v1.PodPending
}

func (in *Input) anyMainRan(s *v1.PodStatus) bool {
	return slices.ContainsFunc(s.ContainerStatuses, func(c v1.ContainerStatus) bool {
		return c.State.Running != nil || c.State.Terminated != nil && c.ContainerID != "" || c.LastTerminationState.Terminated != nil
	})
}

func (in *Input) mainPhase(s *v1.PodStatus) v1.PodPhase {
	if in.Ended {
		return in.endPhase(s)
	}
	for i := range s.ContainerStatuses {
		c := &s.ContainerStatuses[i]
		if c.State.Waiting != nil && c.LastTerminationState.Terminated == nil {
			return v1.PodPending // one that never ran
		}
	}
	return v1.PodRunning
}

// endPhase is the phase of a pod that will not run again.
func (in *Input) endPhase(s *v1.PodStatus) v1.PodPhase {
	for i := range s.ContainerStatuses {
		if t := s.ContainerStatuses[i].State.Terminated; t == nil || t.ExitCode != 0 {
			return v1.PodFailed
		}
	}
	return v1.PodSucceeded
}
