package pods

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/logs"
)

// Bounds of a termination message, as upstream's.
// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
const (
	maxMessage    = 4096
	maxLogMessage = 2048
	maxLogLines   = 80
)

// readMessages reads the last words of containers that ended, each once.
func (w *worker) readMessages(ctx context.Context, pod *v1.Pod, runtime *cri.Pod) {
	for _, c := range runtime.Containers {
		if _, known := w.messages[c.Id]; known || !c.Exited() {
			continue
		}
		text, err := lastWords(c)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			slog.WarnContext(ctx, "termination message not read", "pod", pod.Namespace+"/"+pod.Name, "container", c.Name, "err", err)
		}
		w.messages[c.Id] = text
	}
	for id := range w.messages {
		if runtime.ByID(id) == nil {
			delete(w.messages, id)
		}
	}
}

func lastWords(c *cri.Container) (string, error) {
	for _, m := range c.Mounts {
		if c.TerminationPath == "" || m.ContainerPath != c.TerminationPath {
			continue
		}
		data, err := os.ReadFile(m.HostPath)
		if err != nil {
			return "", err
		}
		if len(data) > 0 {
			return string(data[max(0, len(data)-maxMessage):]), nil
		}
	}
	if c.TerminationPolicy != v1.TerminationMessageFallbackToLogsOnError || c.ExitCode == 0 {
		return "", nil
	}
	return logs.Tail(c.LogPath, maxLogLines, maxLogMessage)
}
