package pods

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/events"
	"slowmo/pkg/kubelet/images"
	"slowmo/pkg/kubelet/plan"
	"slowmo/pkg/kubelet/spec"
	"slowmo/pkg/kubelet/status"
)

// startError is why a container could not be started: the reason of its waiting
// state.
type startError struct {
	reason string
	err    error
	retry  time.Time // zero if the container was made: then it backs off as one that crashed
}

func (e *startError) Error() string { return e.reason + ": " + e.err.Error() }

// Upstream's reasons.
const (
	configError  = "CreateContainerConfigError"
	createError  = "CreateContainerError"
	runError     = "RunContainerError"
	postStartErr = "PostStartHookError"
)

// retryStart is how soon a failed start is tried again.
const retryStart = 10 * time.Second

func failed(reason string, err error) *startError {
	return &startError{reason: reason, err: err, retry: time.Now().Add(retryStart)}
}

// start starts one container and notes the outcome for the status. It returns the
// container's id, and whether it runs and nothing went wrong.
func (w *worker) start(ctx, stop context.Context, in *inbox, runtime *cri.Pod, s plan.Start) (id string, ok bool) {
	name := s.Container.Name
	last := runtime.Container(name)
	id, err := w.startContainer(ctx, stop, in.pod, runtime, s)
	if (err == nil || err.retry.IsZero()) && last != nil && last.Exited() {
		w.backoffs[name] = w.backoffs[name].Restarted(last)
	}
	switch {
	case err == nil:
		delete(w.waiting, name)
		delete(w.retry, name)
		return id, true
	case stop.Err() != nil:
		return id, false
	}
	w.waiting[name] = v1.ContainerStateWaiting{Reason: err.reason, Message: err.err.Error()}
	w.retry[name] = err.retry
	return id, false
}

func (w *worker) startContainer(ctx, stop context.Context, pod *v1.Pod, runtime *cri.Pod, s plan.Start) (id string, _ *startError) {
	c := s.Container
	ref := events.Container(pod, c.Name)
	image, err := w.image(stop, pod, c)
	if err != nil {
		return "", err
	}
	sandboxID, sandbox, config, err := w.config(stop, pod, runtime, s, image)
	if err != nil {
		if stop.Err() == nil {
			w.m.Recorder.Eventf(ref, v1.EventTypeWarning, events.Failed, "Error: %v", err.err)
		}
		return "", err
	}
	created, failure := w.m.Runtime.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{
		PodSandboxId: sandboxID, Config: config, SandboxConfig: sandbox,
	})
	if failure != nil {
		w.m.Recorder.Eventf(ref, v1.EventTypeWarning, events.Failed, "Error: %v", failure)
		return "", failed(createError, failure)
	}
	id = created.ContainerId
	w.m.own(id, w.uid, false)
	w.applied[id] = c.Resources
	w.m.Recorder.Event(ref, v1.EventTypeNormal, events.Created, "Container created")
	if _, failure := w.m.Runtime.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: id}); failure != nil {
		w.m.Recorder.Eventf(ref, v1.EventTypeWarning, events.Failed, "Error: %v", failure)
		return id, &startError{reason: runError, err: failure}
	}
	w.m.Recorder.Event(ref, v1.EventTypeNormal, events.Started, "Container started")
	w.m.linkLog(pod, c.Name, id, filepath.Join(sandbox.LogDirectory, config.LogPath))
	w.removeOld(ctx, runtime, c.Name)
	return id, w.postStart(ctx, stop, pod, runtime, c, id)
}

// findImages looks which of the pod's images are on the node. They are good for
// this pass only, since what no container uses may be removed.
func (w *worker) findImages(ctx context.Context, pod *v1.Pod) {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if image := w.m.Images.Find(ctx, list[i].Image); image != nil {
				w.images[list[i].Image] = image
			}
		}
	}
}

// image gets the container's image, with the pod's pull secrets that exist.
func (w *worker) image(ctx context.Context, pod *v1.Pod, c *v1.Container) (*runtimeapi.Image, *startError) {
	var secrets []*v1.Secret
	for _, ref := range pod.Spec.ImagePullSecrets {
		secret, err := w.m.Objects.Secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			w.m.Recorder.Eventf(events.Pod(pod), v1.EventTypeWarning, "FailedToRetrieveImagePullSecret",
				"Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", ref.Name)
			continue
		}
		secrets = append(secrets, secret)
	}
	image, err := w.m.Images.Ensure(ctx, pod, c, secrets, w.images[c.Image])
	var wait *images.WaitError
	if errors.As(err, &wait) {
		return nil, &startError{reason: wait.Reason, err: errors.New(wait.Message), retry: wait.Retry}
	}
	return image, nil
}

// config gathers what the container is made of.
func (w *worker) config(ctx context.Context, pod *v1.Pod, runtime *cri.Pod, s plan.Start, image *runtimeapi.Image) (string, *runtimeapi.PodSandboxConfig, *runtimeapi.ContainerConfig, *startError) {
	id, sandbox, err := w.sandboxConfig(pod, runtime)
	if err != nil {
		return "", nil, nil, failed(configError, err)
	}
	podIPs := status.PodIPs(pod, runtime, w.m.HostIPs)
	env, err := spec.Env(ctx, pod, s.Container, w.envSource(pod, podIPs))
	if err != nil {
		return "", nil, nil, failed(configError, err)
	}
	mounts, err := w.containerMounts(pod, s.Container, env, podIPs)
	if err != nil {
		return "", nil, nil, failed(configError, err)
	}
	target := ""
	if s.Target != "" {
		r := runtime.Container(s.Target)
		if r == nil || !r.Running() {
			return "", nil, nil, failed(configError, fmt.Errorf("target container %q is not running", s.Target))
		}
		target = r.Id
	}
	config, err := w.m.Spec.Container(pod, s.Container, spec.Parts{
		Restarts: s.Restarts, Image: image, Env: env, Mounts: mounts, MemoryCapacity: w.m.MemoryCapacity, TargetID: target,
	})
	if err != nil {
		return "", nil, nil, failed(configError, err)
	}
	if err := w.m.makeLogDir(filepath.Join(sandbox.LogDirectory, s.Container.Name)); err != nil {
		return "", nil, nil, failed(createError, err)
	}
	return id, sandbox, config, nil
}

func (w *worker) containerMounts(pod *v1.Pod, c *v1.Container, env []*runtimeapi.KeyValue, podIPs []string) ([]*runtimeapi.Mount, error) {
	var sources []spec.MountSource
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		mounted, ok := w.mounts.volumes[m.Name]
		if !ok {
			return nil, fmt.Errorf("cannot find volume %q to mount into container %q", m.Name, c.Name)
		}
		source := spec.MountSource{Path: mounted.Path, ReadOnly: mounted.ReadOnly}
		sub, err := spec.SubPath(m, env)
		if err != nil {
			return nil, err
		}
		if sub != "" {
			if source.Path, err = w.volumes.Subpath(mounted, m.Name, c.Name, i, sub); err != nil {
				return nil, err
			}
		}
		sources = append(sources, source)
	}
	files, err := w.kubeletFiles(pod, c, podIPs)
	if err != nil {
		return nil, err
	}
	return spec.Mounts(c, sources, files), nil
}

// kubeletFiles are the files that every container gets: /etc/hosts and the one
// it may write its last words to.
func (w *worker) kubeletFiles(pod *v1.Pod, c *v1.Container, podIPs []string) ([]*runtimeapi.Mount, error) {
	dir := w.m.PodDir(w.uid)
	if dir == "" {
		return nil, nil // a fake node has no files
	}
	hosts, err := w.m.Spec.HostsFile(pod, w.m.hostsFile(), podIPs)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "etc-hosts")
	if err := os.WriteFile(path, []byte(hosts), 0o644); err != nil {
		return nil, err
	}
	mounts := []*runtimeapi.Mount{{ContainerPath: "/etc/hosts", HostPath: path}}
	if c.TerminationMessagePath == "" {
		return mounts, nil
	}
	last := filepath.Join(dir, "containers", c.Name)
	if err := os.MkdirAll(last, 0o750); err != nil {
		return nil, err
	}
	last = filepath.Join(last, rand.String(8))
	if err := os.WriteFile(last, nil, 0o666); err != nil {
		return nil, err
	}
	// Written by any user of the container, whatever the umask was.
	if err := os.Chmod(last, 0o666); err != nil {
		return nil, err
	}
	return append(mounts, &runtimeapi.Mount{ContainerPath: c.TerminationMessagePath, HostPath: last}), nil
}

// postStart runs the hook; a container whose hook fails is killed, to be
// restarted as its policy says.
func (w *worker) postStart(ctx, stop context.Context, pod *v1.Pod, runtime *cri.Pod, c *v1.Container, id string) *startError {
	if c.Lifecycle == nil || c.Lifecycle.PostStart == nil {
		return nil
	}
	podIPs := status.PodIPs(pod, runtime, w.m.HostIPs)
	err := runHook(stop, c.Lifecycle.PostStart, w.target(c, id, podIPs))
	if err == nil || stop.Err() != nil {
		return nil
	}
	w.m.Recorder.Event(events.Container(pod, c.Name), v1.EventTypeWarning, events.FailedPostStartHook, "PostStartHook failed")
	slog.WarnContext(ctx, "postStart hook failed", "pod", pod.Namespace+"/"+pod.Name, "container", c.Name, "err", err)
	fresh, readErr := cri.ReadPod(ctx, w.m.Runtime, w.uid)
	if readErr != nil {
		return failed(postStartErr, readErr)
	}
	if r := fresh.ByID(id); r != nil && r.Running() {
		why := plan.Kill{Container: r, Why: events.FailedPostStartHook}
		if err := w.killOne(ctx, stop, pod, why, time.Now().Add(grace(pod))); err != nil {
			return failed(postStartErr, err)
		}
	}
	return &startError{reason: postStartErr, err: errors.New("PostStartHook failed")}
}

// removeOld keeps one ended instance of a container beside the newest, for
// kubectl logs --previous and lastState.
func (w *worker) removeOld(ctx context.Context, runtime *cri.Pod, name string) {
	kept := 0
	for _, c := range runtime.Containers { // newest first, all older than the one just started
		if c.Name != name || c.Running() {
			continue
		}
		if kept++; kept <= 1 {
			continue
		}
		w.m.removeContainer(ctx, c)
	}
}
