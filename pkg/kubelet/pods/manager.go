// Package pods drives the pods of a node: one worker for each.
//
// A worker is woken by whatever can change what it has to do (the API watch, an
// exit that the runtime tells of, a probe, a ConfigMap, a timer), and then always
// does the same: read what the runtime has, let plan.Next decide, perform the
// step, and look again, until nothing is left to do. Nothing is remembered that
// could not be forgotten: a kubelet that restarts finds its pods as they are and
// restarts no container. What it does remember (crash back-off, probe results)
// only makes it wait.
//
// Manager's duties, in order: list what the runtime has, so that pods deleted
// while the kubelet was away are ended; start a worker for each pod of the API;
// pass on events; list again now and then, in case an event was lost.
package pods

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/downward"
	"slowmo/pkg/kubelet/images"
	"slowmo/pkg/kubelet/objects"
	"slowmo/pkg/kubelet/spec"
	"slowmo/pkg/kubelet/volume"
)

// Volumes are the volumes of one pod; *volume.Set is the real kind.
type Volumes interface {
	Setup(ctx context.Context, pod *v1.Pod, podIPs []string) (volume.Result, error)
	Subpath(v volume.Mounted, name, container string, index int, sub string) (string, error)
	Unmount() error
	Teardown() error
}

// Config is what a Manager works with. All of it is needed unless it says so.
type Config struct {
	NodeName       string
	HostIPs        []string
	RuntimeName    func() string // "containerd"
	MemoryCapacity int64         // of the node, in bytes
	MaxPods        int
	Allocatable    func() v1.ResourceList

	Client   kubernetes.Interface
	Pods     cache.SharedIndexInformer // of this node's pods; the Manager does not run it
	Services func(namespace string) []*v1.Service
	Objects  objects.Source
	Recorder record.EventRecorder
	Runtime  cri.Runtime
	Images   *images.Puller
	Spec     *spec.Host
	Metrics  *Metrics

	Volumes func(types.UID) Volumes
	// KnownPods are pods that have files on the node, to be removed if the API
	// does not know them.
	KnownPods func() ([]types.UID, error)
	// PodDir is where a pod's files are; "" for a node without files.
	PodDir func(types.UID) string
	// ContainerLogs is /var/log/containers, or "" for no links in it.
	ContainerLogs string

	// Relist is how often to look at everything, with and without an event
	// stream from the runtime.
	Relist, RelistWithoutEvents time.Duration
}

// Manager runs workers. Safe for concurrent use.
type Manager struct {
	Config

	workers sync.WaitGroup
	ctx     context.Context // of the workers; set by Run

	mu     sync.Mutex
	byUID  map[types.UID]*worker
	owners map[string]owner         // of containers and sandboxes, by id
	seen   map[types.UID]string     // what the runtime had of each pod at the last list; nil before the first
	ended  map[string]chan struct{} // closed when the container with that id ends
	netErr error                    // why pods cannot have a network yet; nil when they can
}

// owner is whose a container or sandbox is.
type owner struct {
	uid     types.UID
	sandbox bool
}

// New makes a manager; Run starts it.
func New(c Config) *Manager {
	return &Manager{
		Config: c, byUID: map[types.UID]*worker{}, owners: map[string]owner{},
		ended: map[string]chan struct{}{},
	}
}

// Run drives pods until ctx ends, and returns when all workers have. Containers
// are left running.
func (m *Manager) Run(ctx context.Context) error {
	m.ctx = ctx
	select {
	case <-ctx.Done():
		return nil
	case <-m.Pods.HasSyncedChecker().Done():
	}
	handler, err := m.Pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { m.observe(obj) },
		UpdateFunc: func(_, obj any) { m.observe(obj) },
		DeleteFunc: m.forget,
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-handler.HasSyncedChecker().Done():
	}
	var wg sync.WaitGroup
	wg.Go(func() { m.follow(ctx) })
	wg.Wait()
	m.workers.Wait()
	return nil
}

// observe passes a pod's state on to its worker, which it starts if need be.
func (m *Manager) observe(obj any) {
	pod, ok := obj.(*v1.Pod)
	if !ok {
		return
	}
	m.mu.Lock()
	w := m.byUID[pod.UID]
	fresh := w == nil
	if fresh {
		// What was not in the runtime when this kubelet listed it, and is new from
		// the API since, nobody can have started.
		unknown := m.seen != nil && m.seen[pod.UID] == ""
		w = m.begin(pod, false, unknown)
	}
	m.mu.Unlock()
	if !fresh {
		w.update(pod)
	}
}

// begin starts a worker, for a pod that is in the API or is gone from it; unknown
// if the runtime has nothing of it. m.mu is held.
func (m *Manager) begin(pod *v1.Pod, gone, unknown bool) *worker {
	w := newWorker(m, pod)
	w.unknown = unknown
	if gone {
		w.inbox.gone = true
		w.writer.Gone()
	}
	m.byUID[pod.UID] = w
	m.workers.Go(func() {
		w.run(m.ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ctx.Err() == nil {
			delete(m.byUID, pod.UID)
		}
	})
	return w
}

// forget tells a worker that its pod is no longer in the API.
func (m *Manager) forget(obj any) {
	if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	pod, ok := obj.(*v1.Pod)
	if !ok {
		return
	}
	if w := m.worker(pod.UID); w != nil {
		w.deleted(pod)
	}
}

func (m *Manager) worker(uid types.UID) *worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byUID[uid]
}

// NetworkReady says whether pods can have a network (nil), or why not. A change
// wakes the pods that wait for it.
func (m *Manager) NetworkReady(err error) {
	m.mu.Lock()
	changed := (err == nil) != (m.netErr == nil)
	m.netErr = err
	var wake []*worker
	if changed && err == nil {
		for _, w := range m.byUID {
			wake = append(wake, w)
		}
	}
	m.mu.Unlock()
	for _, w := range wake {
		w.networkIsReady()
	}
}

func (m *Manager) networkError() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.netErr
}

// Show returns the pods of the node with their statuses as last built, which may
// be ahead of the API.
func (m *Manager) Show() []*v1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*v1.Pod, 0, len(m.byUID))
	for _, w := range m.byUID {
		list = append(list, w.show())
	}
	return list
}

// Find returns the pod of that name, and with that uid unless it is empty; nil
// if it is not on this node.
func (m *Manager) Find(namespace, name string, uid types.UID) *v1.Pod {
	for _, pod := range m.Show() {
		if pod.Namespace == namespace && pod.Name == name && (uid == "" || pod.UID == uid) {
			return pod
		}
	}
	return nil
}

// downwardNode is the node as the downward API shows it to a pod.
func (m *Manager) downwardNode(podIPs []string) downward.Node {
	return downward.Node{Name: m.NodeName, HostIPs: m.HostIPs, PodIPs: podIPs}
}
