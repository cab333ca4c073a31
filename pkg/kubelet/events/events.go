// Package events holds the reasons of the events that the kubelet records, as
// upstream spells them, and what they are about.
package events

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
)

// Reasons of events about pods.
const (
	Created                = "Created"
	Started                = "Started"
	Failed                 = "Failed"
	Killing                = "Killing"
	BackOff                = "BackOff"
	Pulling                = "Pulling"
	Pulled                 = "Pulled"
	FailedToInspectImage   = "InspectFailed"
	ErrImageNeverPull      = "ErrImageNeverPull"
	FailedCreatePodSandBox = "FailedCreatePodSandBox"
	SandboxChanged         = "SandboxChanged"
	FailedMount            = "FailedMount"
	FailedKillPod          = "FailedKillPod"
	FailedPostStartHook    = "FailedPostStartHook"
	FailedPreStopHook      = "FailedPreStopHook"
	Unhealthy              = "Unhealthy"
	DeadlineExceeded       = "DeadlineExceeded"
	Evicted                = "Evicted"
	NetworkNotReady        = "NetworkNotReady"
)

// Reasons of events about the node.
const (
	Starting                = "Starting"
	NodeReady               = "NodeReady"
	NodeNotReady            = "NodeNotReady"
	NodeHasSufficientMemory = "NodeHasSufficientMemory"
	NodeHasNoDiskPressure   = "NodeHasNoDiskPressure"
	NodeHasSufficientPID    = "NodeHasSufficientPID"
	NodeAllocatableEnforced = "NodeAllocatableEnforced"
)

// Pod is the reference of a pod.
func Pod(pod *v1.Pod) *v1.ObjectReference {
	return &v1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name,
		UID: pod.UID, ResourceVersion: pod.ResourceVersion,
	}
}

// Container is the reference of a container of a pod.
func Container(pod *v1.Pod, name string) *v1.ObjectReference {
	ref := Pod(pod)
	field := "containers"
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			field = "initContainers"
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			field = "ephemeralContainers"
		}
	}
	ref.FieldPath = fmt.Sprintf("spec.%s{%s}", field, name)
	return ref
}
