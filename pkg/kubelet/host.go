package kubelet

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component"
	"slowmo/pkg/kubelet/cgroup"
	"slowmo/pkg/kubelet/cri"
	"slowmo/pkg/kubelet/images"
	"slowmo/pkg/kubelet/node"
	"slowmo/pkg/kubelet/objects"
	"slowmo/pkg/kubelet/pods"
	"slowmo/pkg/kubelet/spec"
)

// shared is what all nodes of one process have in common.
type shared struct {
	config   *Config
	client   kubernetes.Interface
	events   *component.Events
	objects  *objects.Watcher
	services cache.SharedIndexInformer
	metrics  *pods.Metrics
	probes   *prometheus.Registry // of /metrics/probes
	pulls    *images.Metrics
}

// newShared makes it; run runs its informers and ends what it began.
func newShared(ctx context.Context, c *Config, rc *rest.Config) (*shared, error) {
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return nil, err
	}
	probes := prometheus.NewRegistry()
	return &shared{
		config: c, client: client,
		events:  component.NewEvents(ctx, client),
		objects: objects.NewWatcher(client),
		services: informers.NewServiceInformer(client, metav1.NamespaceAll, 0,
			cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
		metrics: pods.NewMetrics(component.Registry, probes),
		probes:  probes,
		pulls:   images.NewMetrics(component.Registry),
	}, nil
}

func (s *shared) run(ctx context.Context) error {
	defer s.events.Shutdown()
	defer s.objects.Close()
	s.services.RunWithContext(ctx)
	return nil
}

// servicesOf are the Services that a pod of the namespace hears of in its
// environment. It waits for nothing: the workers start after the first list.
func (s *shared) servicesOf(namespace string) []*v1.Service {
	lister := listers.NewServiceLister(s.services.GetIndexer())
	list, err := lister.Services(namespace).List(labels.Everything())
	if err != nil {
		return nil
	}
	if namespace != metav1.NamespaceDefault {
		if kubernetes, err := lister.Services(metav1.NamespaceDefault).Get("kubernetes"); err == nil {
			list = append(list, kubernetes)
		}
	}
	return list
}

// platform is what a node runs on: this host, or nothing.
type platform struct {
	name      string
	runtime   cri.Runtime
	facts     node.Facts
	spec      *spec.Host
	pressures func() node.Pressures      // nil: none are measured
	configure func([]netip.Prefix) error // nil: the pod network is not ours to make
	volumes   func(allocatable func() v1.ResourceList) volumeSource
}

// volumeSource is where pods' volumes come from.
type volumeSource struct {
	pod    func(types.UID) pods.Volumes
	known  func() ([]types.UID, error)
	podDir func(types.UID) string
}

// instance is one node.
type instance struct {
	node *node.Manager
	pods *pods.Manager
	inf  cache.SharedIndexInformer // of the node's pods
	all  *shared
}

func (s *shared) newInstance(p platform) (*instance, error) {
	c := s.config
	addresses, err := c.addresses()
	if err != nil {
		return nil, err
	}
	taints, err := parseTaints(c.Taints)
	if err != nil {
		return nil, err
	}
	k := &instance{all: s}
	recorder := s.events.Recorder("kubelet", p.name)
	k.inf = informers.NewFilteredPodInformer(s.client, metav1.NamespaceAll, 0, nil, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", p.name).String()
	})
	k.node = node.New(node.Config{
		Name: p.name, Addresses: addresses, Port: int32(c.Port), Labels: c.NodeLabels, Taints: taints,
		MaxPods: c.MaxPods, Version: component.Version, Facts: p.facts,
		Client: s.client, Recorder: recorder, Runtime: p.runtime,
		Pressures: p.pressures, Configure: p.configure, PodCIDR: c.PodCIDR, CgroupV1: p.spec.Cgroups.V1(),
		NetworkReady:   func(err error) { k.pods.NetworkReady(err) },
		MemoryPressure: func(ctx context.Context) error { return k.pods.EvictForMemory(ctx) },
	})
	volumes := p.volumes(k.node.Allocatable)
	k.pods = pods.New(pods.Config{
		NodeName: p.name, HostIPs: texts(addresses), RuntimeName: k.node.RuntimeName,
		MemoryCapacity: p.facts.Capacity.Memory().Value(), MaxPods: c.MaxPods, Allocatable: k.node.Allocatable,
		Client: s.client, Pods: k.inf, Services: s.servicesOf, Objects: s.objects, Recorder: recorder,
		Runtime: p.runtime, Images: images.NewPuller(p.runtime, recorder, s.pulls), Spec: p.spec, Metrics: s.metrics,
		Volumes: volumes.pod, KnownPods: volumes.known, PodDir: volumes.podDir, ContainerLogs: c.ContainerLogs,
		Relist: relistWithEvents, RelistWithoutEvents: relistWithoutEvents,
	})
	return k, nil
}

// run keeps the node and its pods until ctx ends. Pods are looked at only after
// the Services are known: their environment would lack some.
func (k *instance) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return k.node.Run(ctx) })
	group.Go(func() error { k.inf.RunWithContext(ctx); return nil })
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-k.all.services.HasSyncedChecker().Done():
		}
		return k.pods.Run(ctx)
	})
	return group.Wait()
}

// addresses are the node's own.
func (c *Config) addresses() ([]netip.Addr, error) {
	var list []netip.Addr
	for _, text := range c.NodeIPs {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, component.Usagef("--node-ip: %w", err)
		}
		list = append(list, ip)
	}
	if len(list) == 0 {
		list = append(list, node.DefaultIP())
	}
	return list, nil
}

func texts(addresses []netip.Addr) []string {
	var list []string
	for _, a := range addresses {
		list = append(list, a.String())
	}
	return list
}

// newSpec is what pods' specs depend on of the node.
func (c *Config) newSpec(cgroups *cgroup.Manager) (*spec.Host, error) {
	resolver, err := spec.ReadResolver(c.ResolvConf)
	if err != nil {
		return nil, component.Usagef("--resolv-conf: %w", err)
	}
	return &spec.Host{
		PodLogs: c.PodLogsDir, ClusterDNS: c.ClusterDNS, ClusterDomain: strings.TrimSuffix(c.ClusterDomain, "."),
		Resolver: resolver, Cgroups: cgroups, SeccompDir: filepath.Join(c.RootDir, "seccomp"),
	}, nil
}
