package pods

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"slowmo/pkg/kubelet/cri"
)

// follow hears of exits and relists, until ctx ends.
func (m *Manager) follow(ctx context.Context) {
	relist := make(chan struct{}, 1) // asked for at once
	ask := func() {
		select {
		case relist <- struct{}{}:
		default:
		}
	}
	interval := make(chan time.Duration, 1)
	var wg sync.WaitGroup
	wg.Go(func() { m.watch(ctx, ask, interval) })
	defer wg.Wait()
	m.relist(ctx)
	m.removeForgotten(ctx)
	tick := time.NewTicker(m.Relist)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-interval:
			tick.Reset(d)
			continue
		case <-relist:
		case <-tick.C:
		}
		m.relist(ctx)
	}
}

// watch passes exits on. A stream that breaks is opened again; a runtime without
// one is relisted more often.
func (m *Manager) watch(ctx context.Context, ask func(), interval chan<- time.Duration) {
	retry := firstRetry
	for ctx.Err() == nil {
		err := m.Runtime.Watch(ctx, ask, func(exit cri.Exit) {
			retry = firstRetry
			m.exited(exit.ID, ask)
		})
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, cri.ErrNoEvents):
			slog.InfoContext(ctx, "the container runtime has no event stream; relisting instead", "every", m.RelistWithoutEvents)
			interval <- m.RelistWithoutEvents
			return
		}
		slog.WarnContext(ctx, "container events interrupted; will retry", "in", retry, "err", err)
		timer := time.NewTimer(retry)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		retry = min(2*retry, lastWatchRetry)
	}
}

// lastWatchRetry bounds how long exits go unheard after the runtime is back.
const lastWatchRetry = 2 * time.Second

// exited passes an exit on to its pod. One of a container that is not known is
// found by a list.
func (m *Manager) exited(id string, ask func()) {
	m.mu.Lock()
	o, known := m.owners[id]
	w := m.byUID[o.uid]
	if ended, ok := m.ended[id]; ok {
		close(ended)
		delete(m.ended, id)
	}
	m.mu.Unlock()
	switch {
	case w != nil:
		w.exited(id)
	case !known:
		ask()
	}
}

// own notes whose a container or sandbox is.
func (m *Manager) own(id string, uid types.UID, sandbox bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owners[id] = owner{uid, sandbox}
}

func (m *Manager) disown(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owners, id)
}

func (m *Manager) isSandbox(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owners[id].sandbox
}

// WaitExited returns when the container has ended and the runtime has noted so.
func (m *Manager) WaitExited(ctx context.Context, id string) error {
	m.mu.Lock()
	ended := m.ended[id]
	if ended == nil {
		ended = make(chan struct{})
		m.ended[id] = ended
	}
	m.mu.Unlock()
	// Looked at after the channel is in place, so that no exit is missed.
	st, err := m.Runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
	if cri.IsNotFound(err) || err == nil && st.Status.State == runtimeapi.ContainerState_CONTAINER_EXITED {
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
	}
	_, err = m.Runtime.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: id})
	return err
}

// relist looks at all that the runtime has and wakes the workers of pods of which
// it has something else than the last time. Pods that the API does not know get a
// worker that ends them.
func (m *Manager) relist(ctx context.Context) {
	start := time.Now()
	now, err := m.list(ctx)
	if err != nil {
		if ctx.Err() == nil {
			slog.WarnContext(ctx, "container runtime not listed; will retry", "err", err)
		}
		return
	}
	m.Metrics.relist.Observe(time.Since(start).Seconds())
	m.mu.Lock()
	before := m.seen
	m.seen = now
	var unknown []types.UID
	var wake []*worker
	for uid, state := range now {
		if w := m.byUID[uid]; w == nil {
			unknown = append(unknown, uid)
		} else if before[uid] != state {
			wake = append(wake, w)
		}
	}
	for uid := range before {
		if w := m.byUID[uid]; w != nil && now[uid] == "" {
			wake = append(wake, w)
		}
	}
	m.mu.Unlock()
	for _, w := range wake {
		w.poke()
	}
	for _, uid := range unknown {
		m.endOrphan(ctx, uid)
	}
}

// list sums up what the runtime has of each pod as text, and notes whose it is.
func (m *Manager) list(ctx context.Context) (map[types.UID]string, error) {
	sandboxes, err := m.Runtime.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, err
	}
	containers, err := m.Runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	parts := map[types.UID][]string{}
	running, states := 0, map[string]int{}
	for _, s := range sandboxes.Items {
		uid := types.UID(s.Labels[cri.PodUIDLabel])
		if uid == "" {
			continue // not a pod of Kubernetes
		}
		m.own(s.Id, uid, true)
		parts[uid] = append(parts[uid], s.Id+s.State.String())
		if s.State == runtimeapi.PodSandboxState_SANDBOX_READY {
			running++
		}
	}
	for _, c := range containers.Containers {
		uid := types.UID(c.Labels[cri.PodUIDLabel])
		if uid == "" {
			continue
		}
		m.own(c.Id, uid, false)
		parts[uid] = append(parts[uid], c.Id+c.State.String())
		states[strings.ToLower(strings.TrimPrefix(c.State.String(), "CONTAINER_"))]++
		if c.State == runtimeapi.ContainerState_CONTAINER_EXITED {
			m.noteEnded(c.Id)
		}
	}
	m.Metrics.running.Set(float64(running))
	for _, state := range []string{"created", "running", "exited", "unknown"} {
		m.Metrics.runningContainers.WithLabelValues(state).Set(float64(states[state]))
	}
	now := make(map[types.UID]string, len(parts))
	for uid, list := range parts {
		sort.Strings(list)
		now[uid] = strings.Join(list, " ")
	}
	return now, nil
}

// noteEnded wakes those that wait for an exit whose event was lost.
func (m *Manager) noteEnded(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ended, ok := m.ended[id]; ok {
		close(ended)
		delete(m.ended, id)
	}
}

// endOrphan ends a pod that only the runtime knows.
func (m *Manager) endOrphan(ctx context.Context, uid types.UID) {
	runtime, err := cri.ReadPod(ctx, m.Runtime, uid)
	if err != nil || runtime.Empty() {
		return // found again by the next list, if it is there
	}
	pod := cri.Orphan(uid, runtime)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byUID[uid] != nil {
		return // the API knows it after all
	}
	slog.InfoContext(ctx, "ending a pod that the API no longer has", "pod", pod.Namespace+"/"+pod.Name, "uid", uid)
	m.begin(pod, true, false)
}

// removeForgotten removes files and cgroups of pods that neither the API nor the
// runtime has.
func (m *Manager) removeForgotten(ctx context.Context) {
	uids, err := m.KnownPods()
	if err != nil {
		slog.WarnContext(ctx, "pods' files not listed", "err", err)
	}
	m.mu.Lock()
	uids = slices.DeleteFunc(uids, func(uid types.UID) bool { return m.byUID[uid] != nil })
	known := maps.Clone(m.seen)
	m.mu.Unlock()
	for _, uid := range uids {
		if known[uid] != "" {
			continue
		}
		err := errors.Join(m.Volumes(uid).Teardown(), m.Spec.Cgroups.Remove(uid))
		if err != nil {
			slog.WarnContext(ctx, "what a pod left behind was not removed", "uid", uid, "err", err)
		}
	}
}
