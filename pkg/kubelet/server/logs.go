package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/logs"
)

// logs serves /containerLogs, of which kubectl logs is made.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	options, previous, err := logOptions(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod := s.find(w, r)
	if pod == nil {
		return
	}
	name := r.PathValue("container")
	if !hasContainer(pod, name) {
		http.Error(w, fmt.Sprintf("container %q not found in pod %q", name, pod.Name), http.StatusNotFound)
		return
	}
	runtime, err := cri.ReadPod(r.Context(), s.Runtime, pod.UID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c := runtime.Container(name)
	if c != nil && previous {
		if c = runtime.Previous(name); c == nil {
			http.Error(w, fmt.Sprintf("previous terminated container %q in pod %q not found", name, pod.Name), http.StatusBadRequest)
			return
		}
	}
	if c == nil || c.LogPath == "" {
		http.Error(w, whyNoLog(pod, name), http.StatusBadRequest)
		return
	}
	s.send(w, r, c, options)
}

// send streams a log. What fails before the first byte can still be answered as
// an error.
func (s *Server) send(w http.ResponseWriter, r *http.Request, c *cri.Container, options logs.Options) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ended := make(chan struct{})
	if options.Follow {
		stopped := make(chan struct{})
		go func() { // ends with ctx at the latest; waited for below
			defer close(stopped)
			if s.Pods.WaitExited(ctx, c.Id) == nil {
				close(ended)
			}
		}()
		defer func() { cancel(); <-stopped }()
	}
	w.Header().Set("Content-Type", "text/plain")
	var flush func()
	if flusher, ok := w.(http.Flusher); ok && options.Follow {
		flush = flusher.Flush
	}
	err := logs.Read(ctx, w, flush, c.LogPath, options, ended)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil && ctx.Err() == nil:
		slog.WarnContext(ctx, "container log not sent", "container", c.Name, "err", err)
	}
}

// logOptions reads the query of a request for logs.
func logOptions(q url.Values) (o logs.Options, previous bool, err error) {
	o = logs.Options{Tail: -1, Limit: -1}
	flag := func(name string) bool {
		b, parseErr := strconv.ParseBool(q.Get(name))
		if parseErr != nil && q.Get(name) != "" {
			err = fmt.Errorf("%s=%q: use true or false", name, q.Get(name))
		}
		return b
	}
	number := func(name string, to *int64, least int64) {
		if text := q.Get(name); text != "" {
			n, parseErr := strconv.ParseInt(text, 10, 64)
			if parseErr != nil || n < least {
				err = fmt.Errorf("%s=%q: give a number of %d or more", name, text, least)
			}
			*to = n
		}
	}
	o.Follow, o.Timestamps, previous = flag("follow"), flag("timestamps"), flag("previous")
	number("tailLines", &o.Tail, 0)
	number("limitBytes", &o.Limit, 1)
	seconds := int64(0)
	if number("sinceSeconds", &seconds, 1); seconds > 0 {
		o.Since = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	if text := q.Get("sinceTime"); text != "" {
		since, parseErr := time.Parse(time.RFC3339, text)
		if parseErr != nil {
			err = fmt.Errorf("sinceTime=%q: give a time such as 2026-11-24T10:00:00Z", text)
		}
		o.Since = since
	}
	switch stream := q.Get("stream"); stream {
	case "", v1.LogStreamAll:
	case v1.LogStreamStdout:
		o.Stream = "stdout"
	case v1.LogStreamStderr:
		o.Stream = "stderr"
	default:
		err = fmt.Errorf("stream=%q: use All, Stdout or Stderr", stream)
	}
	return o, previous, err
}

func hasContainer(pod *v1.Pod, name string) bool {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return true
			}
		}
	}
	return slices.ContainsFunc(pod.Spec.EphemeralContainers, func(e v1.EphemeralContainer) bool { return e.Name == name })
}

// whyNoLog says what a container without a log is doing.
func whyNoLog(pod *v1.Pod, name string) string {
	for _, list := range [][]v1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range list {
			if w := list[i].State.Waiting; list[i].Name == name && w != nil && w.Reason != "" {
				switch w.Reason {
				case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
					return fmt.Sprintf("container %q in pod %q is waiting to start: image can't be pulled", name, pod.Name)
				}
				return fmt.Sprintf("container %q in pod %q is waiting to start: %s", name, pod.Name, w.Reason)
			}
		}
	}
	return fmt.Sprintf("container %q in pod %q is not available", name, pod.Name)
}
