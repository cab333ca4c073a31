// Package node keeps this node's Node and Lease in the API.
//
// Run registers the Node, then keeps its status true: at once when something
// changed (the runtime or the network became ready, the node's pod CIDR was
// given out), else every five minutes. The Lease is renewed every ten seconds:
// that is the heartbeat by which the control plane knows that the kubelet lives.
//
// When the Node gets its pod CIDR, Configure is called with it, to make the
// network of pods.
//
// https://kubernetes.io/docs/reference/node/node-status/
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"slowmo/pkg/kubelet/cri"
)

// Config is what a Manager works with.
type Config struct {
	Name      string
	Addresses []netip.Addr // the node's InternalIPs, the first is the main one
	Port      int32        // of the kubelet's server
	Labels    map[string]string
	Taints    []v1.Taint // when it is registered for the first time
	MaxPods   int
	Version   string
	Facts     Facts

	Client   kubernetes.Interface
	Recorder record.EventRecorder
	Runtime  cri.Runtime
	// Pressures measures the host; nil when nothing is measured (fake nodes).
	Pressures func() Pressures
	PodCIDR   string // used if the Node is given none; may be empty
	CgroupV1  bool   // warn of it

	// Configure makes the network of pods for the node's pod CIDRs, which may be
	// called again with the same. nil: the network is someone else's.
	Configure func(podCIDRs []netip.Prefix) error
	// MemoryPressure is called at each check at which the host is short of memory;
	// nil does nothing about it.
	MemoryPressure func(context.Context) error
	// NetworkReady hears whether pods can have a network, and why not.
	NetworkReady func(error)
}

// Intervals, as upstream's defaults.
const (
	checkInterval  = 10 * time.Second // nodeStatusUpdateFrequency
	reportInterval = 5 * time.Minute  // nodeStatusReportFrequency
	leaseSeconds   = 40
)

// Manager keeps one Node. Run it once.
type Manager struct {
	Config
	informer cache.SharedIndexInformer
	wake     chan struct{} // capacity 1: look now

	mu         sync.Mutex
	configured string    // the pod CIDRs that Configure was called with
	reported   time.Time // when the status was last written
	runtimeErr error     // why the runtime cannot be used; nil when it can
	networkErr error
	version    string                  // of the runtime
	handlers   []v1.NodeRuntimeHandler // of the runtime
}

// New makes a manager; Run starts it.
func New(c Config) *Manager {
	m := &Manager{Config: c, wake: make(chan struct{}, 1)}
	m.informer = informers.NewFilteredNodeInformer(c.Client, 0, nil, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, c.Name).String()
	})
	return m
}

// Capacity is all that the node has.
func (m *Manager) Capacity() v1.ResourceList {
	list := m.Facts.Capacity.DeepCopy()
	list[v1.ResourcePods] = podsQuantity(m.MaxPods)
	return list
}

// Allocatable is what pods may have.
func (m *Manager) Allocatable() v1.ResourceList { return Allocatable(m.Capacity()) }

// RuntimeName is the container runtime's: "containerd".
func (m *Manager) RuntimeName() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, _, _ := strings.Cut(m.version, "://")
	return name
}

// Run registers the node and keeps it until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	m.recordStart()
	m.checkRuntime(ctx)
	if err := m.register(ctx); err != nil {
		return err
	}
	_, err := m.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { m.Look() },
		UpdateFunc: func(_, obj any) { m.onUpdate(obj) },
		DeleteFunc: func(any) { m.Look() },
	})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { m.informer.RunWithContext(ctx) })
	wg.Go(func() { m.heartbeat(ctx) })
	select {
	case <-ctx.Done():
		return nil
	case <-m.informer.HasSyncedChecker().Done():
	}
	m.keep(ctx)
	return nil
}

// onUpdate looks again if the Node's spec changed: its own status writes come
// back by the watch and need no second look.
func (m *Manager) onUpdate(obj any) {
	node, ok := obj.(*v1.Node)
	if !ok {
		return
	}
	m.mu.Lock()
	same := m.configured == m.cidrs(node)
	m.mu.Unlock()
	if !same {
		m.Look()
	}
}

// Look asks for a check of the node's state now.
func (m *Manager) Look() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// keep checks the node whenever something may have changed.
func (m *Manager) keep(ctx context.Context) {
	for {
		next := checkInterval
		if err := m.sync(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "node not as it should be; will retry", "node", m.Name, "err", err)
			next = time.Second
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// sync makes the network if it can be made, and reports what changed.
func (m *Manager) sync(ctx context.Context) error {
	obj, exists, err := m.informer.GetStore().GetByKey(m.Name)
	if err != nil {
		return err
	}
	if !exists {
		return m.register(ctx) // someone deleted it
	}
	node, ok := obj.(*v1.Node)
	if !ok {
		return fmt.Errorf("the node informer holds a %T", obj)
	}
	configureErr := m.configure(ctx, node)
	m.checkRuntime(ctx)
	return errors.Join(configureErr, m.report(ctx, node), m.relieve(ctx))
}

// relieve has something done about a shortage.
func (m *Manager) relieve(ctx context.Context) error {
	if m.Pressures == nil || m.MemoryPressure == nil || !m.Pressures().Memory {
		return nil
	}
	return m.MemoryPressure(ctx)
}

// configure makes the network of pods when the node has a CIDR for it.
func (m *Manager) configure(ctx context.Context, node *v1.Node) error {
	if m.Configure == nil || m.cidrs(node) == "" {
		return nil
	}
	prefixes, err := parseCIDRs(m.cidrs(node))
	if err != nil {
		return err
	}
	if err := m.Configure(prefixes); err != nil {
		return fmt.Errorf("configure the pod network: %w", err)
	}
	m.mu.Lock()
	first := m.configured != m.cidrs(node)
	m.configured = m.cidrs(node)
	m.mu.Unlock()
	if first {
		m.awaitNetwork(ctx)
	}
	return nil
}

// awaitNetwork gives the runtime a moment to read the configuration that was just
// written. It sends no event when it has, so it is asked again, for a second.
func (m *Manager) awaitNetwork(ctx context.Context) {
	deadline := time.Now().Add(time.Second)
	for wait := 2 * time.Millisecond; time.Now().Before(deadline); wait *= 2 {
		m.checkRuntime(ctx)
		m.mu.Lock()
		ready := m.networkErr == nil
		m.mu.Unlock()
		if ready {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// cidrs are the node's pod CIDRs, separated by commas; "" if there are none.
func (m *Manager) cidrs(node *v1.Node) string {
	switch {
	case len(node.Spec.PodCIDRs) > 0:
		return strings.Join(node.Spec.PodCIDRs, ",")
	case node.Spec.PodCIDR != "":
		return node.Spec.PodCIDR
	}
	return m.PodCIDR
}

func parseCIDRs(list string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for text := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("the node's pod CIDR: %w", err)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// register makes the Node, or takes over the one that is there.
func (m *Manager) register(ctx context.Context) error {
	retry := 100 * time.Millisecond
	for {
		err := m.tryRegister(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		slog.WarnContext(ctx, "node not registered; will retry", "node", m.Name, "in", retry, "err", err)
		timer := time.NewTimer(retry)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		retry = min(2*retry, 7*time.Second)
	}
}

func (m *Manager) tryRegister(ctx context.Context) error {
	want := m.object(ctx)
	nodes := m.Client.CoreV1().Nodes()
	made, err := nodes.Create(ctx, want, metav1.CreateOptions{})
	if err == nil {
		m.noteReported(nil, made)
		slog.InfoContext(ctx, "registered node", "node", m.Name)
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	have, err := nodes.Get(ctx, m.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return m.adopt(ctx, have, want)
}
