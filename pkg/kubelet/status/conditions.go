package status

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/plan"
)

// owned are the kubelet's conditions, in upstream's order. All others of a pod
// belong to someone else and are kept; DisruptionTarget is shared.
var owned = []v1.PodConditionType{
	v1.PodReadyToStartContainers, v1.PodInitialized, v1.PodReady, v1.ContainersReady, v1.PodScheduled,
}

// conditions fills s.Conditions from its other fields.
func (in *Input) conditions(s *v1.PodStatus) {
	s.Conditions = nil
	containersReady := in.containersReady(s)
	for _, c := range []v1.PodCondition{
		in.readyToStart(s),
		in.initialized(s),
		in.podReady(s, containersReady),
		containersReady,
		{Type: v1.PodScheduled, Status: v1.ConditionTrue},
	} {
		s.Conditions = append(s.Conditions, in.timed(c))
	}
	for _, c := range in.Old.Conditions {
		if foreign(c) {
			s.Conditions = append(s.Conditions, c)
		}
	}
}

// timed keeps the transition time of a condition whose status did not change.
func (in *Input) timed(c v1.PodCondition) v1.PodCondition {
	c.ObservedGeneration = in.Pod.Generation
	c.LastTransitionTime = in.Now
	for _, old := range in.Old.Conditions {
		if old.Type == c.Type && old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
			c.LastProbeTime = old.LastProbeTime
		}
	}
	return c
}

func (in *Input) readyToStart(s *v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.PodReadyToStartContainers, Status: v1.ConditionFalse}
	if in.Runtime.Ready() != nil && !in.Ended && (in.Pod.Spec.HostNetwork || s.PodIP != "") {
		c.Status = v1.ConditionTrue
	}
	return c
}

func (in *Input) initialized(s *v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.PodInitialized, Status: v1.ConditionTrue}
	if s.Phase == v1.PodSucceeded {
		c.Reason = "PodCompleted"
		return c
	}
	if in.anyMainRan(s) {
		return c
	}
	var incomplete []string
	for i := range in.Pod.Spec.InitContainers {
		st := &s.InitContainerStatuses[i]
		done := st.Ready
		if plan.IsSidecar(&in.Pod.Spec.InitContainers[i]) {
			done = st.Started != nil && *st.Started
		}
		if !done {
			incomplete = append(incomplete, st.Name)
		}
	}
	if len(incomplete) > 0 {
		c.Status, c.Reason = v1.ConditionFalse, "ContainersNotInitialized"
		c.Message = fmt.Sprintf("containers with incomplete status: [%s]", strings.Join(incomplete, " "))
	}
	return c
}

func (in *Input) containersReady(s *v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.ContainersReady, Status: v1.ConditionTrue}
	switch s.Phase {
	case v1.PodSucceeded:
		c.Status, c.Reason = v1.ConditionFalse, "PodCompleted"
		return c
	case v1.PodFailed:
		c.Status, c.Reason = v1.ConditionFalse, "PodFailed"
		return c
	}
	var unready []string
	for i := range in.Pod.Spec.InitContainers {
		if plan.IsSidecar(&in.Pod.Spec.InitContainers[i]) && !s.InitContainerStatuses[i].Ready {
			unready = append(unready, s.InitContainerStatuses[i].Name)
		}
	}
	for i := range s.ContainerStatuses {
		if !s.ContainerStatuses[i].Ready {
			unready = append(unready, s.ContainerStatuses[i].Name)
		}
	}
	if len(unready) > 0 {
		c.Status, c.Reason = v1.ConditionFalse, "ContainersNotReady"
		c.Message = fmt.Sprintf("containers with unready status: [%s]", strings.Join(unready, " "))
	}
	return c
}

// podReady is containersReady and all readiness gates.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
func (in *Input) podReady(s *v1.PodStatus, containers v1.PodCondition) v1.PodCondition {
	c := containers
	c.Type = v1.PodReady
	if c.Status != v1.ConditionTrue {
		return c
	}
	var missing []string
	for _, gate := range in.Pod.Spec.ReadinessGates {
		i := slices.IndexFunc(in.Old.Conditions, func(c v1.PodCondition) bool { return c.Type == gate.ConditionType })
		switch {
		case i < 0:
			missing = append(missing, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case in.Old.Conditions[i].Status != v1.ConditionTrue:
			missing = append(missing, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, in.Old.Conditions[i].Status))
		}
	}
	if len(missing) > 0 {
		c.Status, c.Reason, c.Message = v1.ConditionFalse, "ReadinessGatesNotReady", strings.Join(missing, ", ")
	}
	return c
}

// withForeign is want with what others write as have has it now: it may have
// changed since want was built.
func withForeign(want *v1.PodStatus, have *v1.Pod) v1.PodStatus {
	s := *want
	s.NominatedNodeName = have.Status.NominatedNodeName
	s.ResourceClaimStatuses = have.Status.ResourceClaimStatuses
	s.ExtendedResourceClaimStatus = have.Status.ExtendedResourceClaimStatus
	s.Conditions = slices.DeleteFunc(slices.Clone(want.Conditions), foreign)
	for _, c := range have.Status.Conditions {
		if foreign(c) {
			s.Conditions = append(s.Conditions, c)
		}
	}
	return s
}

func foreign(c v1.PodCondition) bool { return !slices.Contains(owned, c.Type) }

// OthersChanged tells whether two states of a status differ in what is not
// written by the kubelet.
func OthersChanged(a, b *v1.PodStatus) bool {
	mine := func(c v1.PodCondition) bool { return !foreign(c) }
	return !slices.Equal(slices.DeleteFunc(slices.Clone(a.Conditions), mine), slices.DeleteFunc(slices.Clone(b.Conditions), mine)) ||
		a.NominatedNodeName != b.NominatedNodeName
}
