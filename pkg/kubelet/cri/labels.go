package cri

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/dump"
)

// The labels and annotations that upstream's kubelet puts on sandboxes and
// containers. Any kubelet can take over what another one left.
const (
	PodNameLabel       = "io.kubernetes.pod.name"
	PodNamespaceLabel  = "io.kubernetes.pod.namespace"
	PodUIDLabel        = "io.kubernetes.pod.uid"
	ContainerNameLabel = "io.kubernetes.container.name"

	hashAnnotation              = "io.kubernetes.container.hash"
	restartCountAnnotation      = "io.kubernetes.container.restartCount"
	terminationPathAnnotation   = "io.kubernetes.container.terminationMessagePath"
	terminationPolicyAnnotation = "io.kubernetes.container.terminationMessagePolicy"
	preStopAnnotation           = "io.kubernetes.container.preStopHandler"
	portsAnnotation             = "io.kubernetes.container.ports"
	containerGraceAnnotation    = "io.kubernetes.pod.terminationGracePeriod"
	configSourceAnnotation      = "kubernetes.io/config.source"
	configSeenAnnotation        = "kubernetes.io/config.seen"
)

// Labels are those of a pod's sandbox; a container's name, if not empty, makes
// them a container's.
func Labels(pod *v1.Pod, container string) map[string]string {
	labels := map[string]string{
		PodNameLabel:      pod.Name,
		PodNamespaceLabel: pod.Namespace,
		PodUIDLabel:       string(pod.UID),
	}
	if container != "" {
		labels[ContainerNameLabel] = container
		return labels
	}
	for k, v := range pod.Labels {
		if _, ours := labels[k]; !ours {
			labels[k] = v
		}
	}
	return labels
}

// SandboxAnnotations are the pod's own and where the kubelet has it from.
func SandboxAnnotations(pod *v1.Pod) map[string]string {
	annotations := make(map[string]string, len(pod.Annotations)+2)
	for k, v := range pod.Annotations {
		annotations[k] = v
	}
	annotations[configSourceAnnotation] = "api"
	annotations[configSeenAnnotation] = pod.CreationTimestamp.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
	return annotations
}

// ContainerAnnotations record what is needed to end the container properly when
// its pod is no longer known, and to tell whether its spec changed.
func ContainerAnnotations(pod *v1.Pod, c *v1.Container, restarts int32) map[string]string {
	annotations := map[string]string{
		hashAnnotation:              strconv.FormatUint(Hash(c), 16),
		restartCountAnnotation:      strconv.Itoa(int(restarts)),
		terminationPathAnnotation:   c.TerminationMessagePath,
		terminationPolicyAnnotation: string(c.TerminationMessagePolicy),
	}
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		annotations[containerGraceAnnotation] = strconv.FormatInt(*pod.Spec.TerminationGracePeriodSeconds, 10)
	}
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		if raw, err := json.Marshal(c.Lifecycle.PreStop); err == nil {
			annotations[preStopAnnotation] = string(raw)
		}
	}
	if len(c.Ports) > 0 {
		if raw, err := json.Marshal(c.Ports); err == nil {
			annotations[portsAnnotation] = string(raw)
		}
	}
	return annotations
}

// Hash identifies what a container cannot change while it runs. Of a running
// pod's containers only the image may be changed (and resources, which are
// resized in place), so it covers the name and the image. It is upstream's hash,
// to the bit: a kubelet restarts no container that one of the other kind started.
func Hash(c *v1.Container) uint64 {
	text, err := json.Marshal(map[string]string{"name": c.Name, "image": c.Image})
	if err != nil {
		return 0 // strings always marshal
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%v", dump.ForHash(text))
	return uint64(h.Sum32())
}

// Info is what labels and annotations tell of a container.
type Info struct {
	PodUID            types.UID
	PodName           string
	PodNamespace      string
	Name              string
	Hash              uint64 // 0 when not recorded
	RestartCount      int32
	GraceSeconds      int64 // of the pod; 30 when not recorded
	TerminationPath   string
	TerminationPolicy v1.TerminationMessagePolicy
	PreStop           *v1.LifecycleHandler // nil when it has none
}

// ParseInfo reads what ContainerAnnotations and Labels wrote. What is missing or
// mangled keeps its default: such a container can still be stopped.
func ParseInfo(labels, annotations map[string]string) Info {
	info := Info{
		PodUID:            types.UID(labels[PodUIDLabel]),
		PodName:           labels[PodNameLabel],
		PodNamespace:      labels[PodNamespaceLabel],
		Name:              labels[ContainerNameLabel],
		GraceSeconds:      v1.DefaultTerminationGracePeriodSeconds,
		TerminationPath:   annotations[terminationPathAnnotation],
		TerminationPolicy: v1.TerminationMessagePolicy(annotations[terminationPolicyAnnotation]),
	}
	if hash, err := strconv.ParseUint(annotations[hashAnnotation], 16, 64); err == nil {
		info.Hash = hash
	}
	if n, err := strconv.ParseInt(annotations[restartCountAnnotation], 10, 32); err == nil {
		info.RestartCount = int32(n)
	}
	if n, err := strconv.ParseInt(annotations[containerGraceAnnotation], 10, 64); err == nil {
		info.GraceSeconds = n
	}
	if raw := annotations[preStopAnnotation]; raw != "" {
		handler := new(v1.LifecycleHandler)
		if json.Unmarshal([]byte(raw), handler) == nil {
			info.PreStop = handler
		}
	}
	return info
}
