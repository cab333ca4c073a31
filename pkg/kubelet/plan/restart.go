package plan

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/cri"
)

// IsSidecar tells whether an init container runs beside the main ones.
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
func IsSidecar(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// ShouldRestart tells whether a container that exited is to run again. The
// container's own rules come first, then its policy, then the pod's.
// Init containers treat the pod's Always as OnFailure.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
func ShouldRestart(pod *v1.Pod, c *v1.Container, exited *cri.Container) bool {
	for _, rule := range c.RestartPolicyRules {
		if rule.ExitCodes == nil || rule.Action != v1.ContainerRestartRuleActionRestart {
			continue
		}
		in := slices.Contains(rule.ExitCodes.Values, exited.ExitCode)
		if in == (rule.ExitCodes.Operator == v1.ContainerRestartRuleOnExitCodesOpIn) {
			return true
		}
	}
	policy := string(pod.Spec.RestartPolicy)
	if c.RestartPolicy != nil {
		policy = string(*c.RestartPolicy)
	}
	switch policy {
	case string(v1.RestartPolicyNever):
		return false
	case string(v1.RestartPolicyOnFailure):
		return exited.ExitCode != 0
	}
	if IsInit(pod, c.Name) && !IsSidecar(c) {
		return exited.ExitCode != 0
	}
	return true
}

// IsInit tells whether the pod has an init container of that name.
func IsInit(pod *v1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c v1.Container) bool { return c.Name == name })
}

// Crash back-off: none before the first restart, then 10 s doubling up to
// 5 min; a container that ran for twice the maximum starts afresh.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
const (
	initialBackoff = 10 * time.Second
	maxBackoff     = 5 * time.Minute
	resetBackoff   = 2 * maxBackoff
)

// Backoff is the memory of a container's crashes. The zero value has none.
type Backoff struct {
	// Next is how long after its exit the newest container may run again.
	Next time.Duration
	// LastID is the container whose restart was counted last.
	LastID string
}

// Delay is how long after its exit the container may run again.
func (b Backoff) Delay(exited *cri.Container) time.Duration {
	if ranLong(exited) {
		return 0
	}
	return b.Next
}

// Restarted counts a restart that follows the exit of a container, and
// returns the memory to keep. It counts each container once.
func (b Backoff) Restarted(exited *cri.Container) Backoff {
	if exited.Id == b.LastID {
		return b
	}
	next := b.Next * 2
	if next == 0 || ranLong(exited) {
		next = initialBackoff
	}
	return Backoff{Next: min(next, maxBackoff), LastID: exited.Id}
}

func ranLong(c *cri.Container) bool {
	return c.StartedAt > 0 && time.Duration(c.FinishedAt-c.StartedAt) >= resetBackoff
}
