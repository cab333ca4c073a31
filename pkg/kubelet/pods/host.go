package pods

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/spec"
	"slowmo/pkg/kubelet/status"
)

// makeLogDir makes a directory for logs; a node without files has none.
func (m *Manager) makeLogDir(dir string) error {
	if m.Spec.PodLogs == "" {
		return nil
	}
	return os.MkdirAll(dir, 0o755)
}

// linkName is where log collectors look for a container's log.
func (m *Manager) linkName(pod *v1.Pod, container, id string) string {
	return filepath.Join(m.ContainerLogs, fmt.Sprintf("%s_%s_%s-%s.log", pod.Name, pod.Namespace, container, id))
}

// linkLog makes the link; that it could not is no reason to stop a container.
func (m *Manager) linkLog(pod *v1.Pod, container, id, log string) {
	if m.ContainerLogs == "" {
		return
	}
	if err := os.Symlink(log, m.linkName(pod, container, id)); err != nil && !errors.Is(err, fs.ErrExist) {
		slog.Warn("link to a container's log not made", "err", err)
	}
}

func (m *Manager) unlinkLog(pod *v1.Pod, container, id string) {
	if m.ContainerLogs == "" {
		return
	}
	if err := os.Remove(m.linkName(pod, container, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		slog.Warn("link to a container's log not removed", "err", err)
	}
}

// removeContainer removes an ended container, its log and its last words. What
// is left is found when the pod is removed.
func (m *Manager) removeContainer(ctx context.Context, c *cri.Container) {
	if _, err := m.Runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: c.Id}); err != nil && !cri.IsNotFound(err) {
		slog.WarnContext(ctx, "ended container not removed", "id", c.Id, "err", err)
		return
	}
	m.disown(c.Id)
	pod := &v1.Pod{}
	pod.Name, pod.Namespace = c.PodName, c.PodNamespace
	m.unlinkLog(pod, c.Name, c.Id)
	var paths []string
	if c.LogPath != "" {
		paths, _ = filepath.Glob(c.LogPath + "*") // rotated ones too
	}
	for _, mount := range c.Mounts {
		if c.TerminationPath != "" && mount.ContainerPath == c.TerminationPath {
			paths = append(paths, mount.HostPath)
		}
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			slog.WarnContext(ctx, "file of a removed container not removed", "path", path, "err", err)
		}
	}
}

// hostsFile is the host's own, for pods in its network.
func (m *Manager) hostsFile() string {
	data, err := os.ReadFile("/etc/hosts")
	if err != nil {
		return "127.0.0.1\tlocalhost\n"
	}
	return string(data)
}

// rejection is why a pod that has not started cannot run here, or nil.
func (m *Manager) rejection(pod *v1.Pod, runtime *cri.Pod) *status.Verdict {
	if !runtime.Empty() {
		return nil
	}
	if err := spec.Check(pod); err != nil {
		reason := "PodFeatureUnsupported"
		var forbidden *spec.ForbiddenSysctlError
		if errors.As(err, &forbidden) {
			reason = "SysctlForbidden"
		}
		return &status.Verdict{Rejected: true, Reason: reason, Message: err.Error()}
	}
	if m.MaxPods > 0 && m.active(pod) >= m.MaxPods {
		return &status.Verdict{Rejected: true, Reason: "OutOfpods", Message: fmt.Sprintf(
			"Node didn't have enough resource: pods, requested: 1, used: %d, capacity: %d", m.active(pod), m.MaxPods)}
	}
	return nil
}

// active counts the other pods of the node that have not ended.
func (m *Manager) active(but *v1.Pod) int {
	n := 0
	for _, pod := range m.Show() {
		if pod.UID != but.UID && !terminal(pod) {
			n++
		}
	}
	return n
}
