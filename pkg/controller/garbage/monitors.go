package garbage

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// monitors watch every resource that can be listed, watched and deleted, as
// discovery names them: the process's own informer where there is one, else the
// metadata alone.
type monitors struct {
	discovery discovery.DiscoveryInterface
	metadata  metadata.Interface
	shared    map[schema.GroupResource]cache.SharedIndexInformer
	// handle takes in each event: obj is nil when old has gone.
	handle func(resource schema.GroupVersionResource, old, obj metav1.Object)

	mu sync.Mutex
	// kinds has every served kind, of all versions.
	kinds map[schema.GroupVersionKind]resource
	// running has the monitors that were started, by what they watch.
	running map[schema.GroupVersionResource]*monitor
	group   sync.WaitGroup
}

type resource struct {
	schema.GroupVersionResource
	namespaced bool
}

type monitor struct {
	stop   func()
	synced cache.DoneChecker
}

// sharedInformers are those of the factory that see all objects of their kind.
func sharedInformers(f informers.SharedInformerFactory) map[schema.GroupResource]cache.SharedIndexInformer {
	core, apps := f.Core().V1(), f.Apps().V1()
	return map[schema.GroupResource]cache.SharedIndexInformer{
		{Resource: "pods"}:                                      core.Pods().Informer(),
		{Resource: "services"}:                                  core.Services().Informer(),
		{Resource: "endpoints"}:                                 core.Endpoints().Informer(),
		{Resource: "namespaces"}:                                core.Namespaces().Informer(),
		{Resource: "nodes"}:                                     core.Nodes().Informer(),
		{Resource: "serviceaccounts"}:                           core.ServiceAccounts().Informer(),
		{Group: "apps", Resource: "deployments"}:                apps.Deployments().Informer(),
		{Group: "apps", Resource: "replicasets"}:                apps.ReplicaSets().Informer(),
		{Group: "discovery.k8s.io", Resource: "endpointslices"}: f.Discovery().V1().EndpointSlices().Informer(),
	}
}

// ignored resources own nothing and are owned by nothing, and change often.
var ignored = []schema.GroupResource{{Resource: "events"}, {Group: "events.k8s.io", Resource: "events"}}

// refresh makes the monitors those of what is served now. It returns the new ones.
// A group that cannot be discovered keeps the monitors it has.
func (m *monitors) refresh(ctx context.Context) ([]cache.DoneChecker, error) {
	groups, lists, err := m.discovery.ServerGroupsAndResources()
	failed, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partial {
		return nil, fmt.Errorf("discover what there is to collect: %w", err)
	}
	if partial {
		slog.WarnContext(ctx, "some groups cannot be discovered and are not collected", "error", err)
	}
	kinds, wanted := readDiscovery(groups, lists)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds = kinds
	for resource, running := range m.running {
		_, unsure := failed[resource.GroupVersion()]
		if !wanted[resource] && !unsure {
			running.stop()
			delete(m.running, resource)
		}
	}
	var started []cache.DoneChecker
	for resource := range wanted {
		if m.running[resource] == nil {
			monitor := m.start(ctx, resource)
			m.running[resource] = monitor
			started = append(started, monitor.synced)
		}
	}
	return started, nil
}

// readDiscovery returns all kinds, and the resources to watch: each once, in its
// group's preferred version that has it.
func readDiscovery(groups []*metav1.APIGroup, lists []*metav1.APIResourceList) (map[schema.GroupVersionKind]resource, map[schema.GroupVersionResource]bool) {
	preferred := map[string]string{}
	for _, group := range groups {
		preferred[group.Name] = group.PreferredVersion.Version
	}
	kinds := map[schema.GroupVersionKind]resource{}
	chosen := map[schema.GroupResource]schema.GroupVersionResource{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue // no client could use it
		}
		for _, r := range list.APIResources {
			at := gv.WithResource(r.Name)
			if isSubresource(r.Name) {
				continue
			}
			kinds[gv.WithKind(r.Kind)] = resource{at, r.Namespaced}
			_, have := chosen[at.GroupResource()]
			if collectable(r) && !slices.Contains(ignored, at.GroupResource()) && (!have || preferred[gv.Group] == gv.Version) {
				chosen[at.GroupResource()] = at
			}
		}
	}
	wanted := make(map[schema.GroupVersionResource]bool, len(chosen))
	for _, at := range chosen {
		wanted[at] = true
	}
	return kinds, wanted
}

func isSubresource(name string) bool { return slices.Contains([]byte(name), '/') }

func collectable(r metav1.APIResource) bool {
	return slices.Contains(r.Verbs, "delete") && slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch")
}

func (m *monitors) start(ctx context.Context, resource schema.GroupVersionResource) *monitor {
	handlers := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { m.handle(resource, nil, object(obj)) },
		UpdateFunc: func(old, obj any) { m.handle(resource, object(old), object(obj)) },
		DeleteFunc: func(obj any) { m.handle(resource, object(obj), nil) },
	}
	ctx, stop := context.WithCancel(ctx)
	informer, shared := m.shared[resource.GroupResource()]
	if !shared {
		informer = metadatainformer.NewFilteredMetadataInformer(m.metadata, resource, metav1.NamespaceAll, 0, nil, nil).Informer()
		_ = informer.SetTransform(bare) // it fails only on a running informer
	}
	registration, err := informer.AddEventHandler(handlers)
	if err != nil { // an informer that has ended: so will ctx
		return &monitor{stop: stop, synced: informer.HasSyncedChecker()}
	}
	if shared {
		leave := stop
		stop = func() { leave(); _ = informer.RemoveEventHandler(registration) }
	} else {
		m.group.Go(func() { informer.RunWithContext(ctx) })
	}
	return &monitor{stop: stop, synced: registration.HasSyncedChecker()}
}

// resourceOf finds the resource of a kind in an owner reference.
func (m *monitors) resourceOf(kind schema.GroupVersionKind) (schema.GroupVersionResource, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.kinds[kind]
	if !ok {
		return schema.GroupVersionResource{}, false, fmt.Errorf("the server has no kind %s", kind)
	}
	return found.GroupVersionResource, found.namespaced, nil
}

// wait blocks until all monitors have ended, which they do with their context.
func (m *monitors) wait() { m.group.Wait() }

// bare keeps of an object's metadata what the graph is made of.
func bare(obj any) (any, error) {
	if from, err := meta.Accessor(obj); err == nil {
		from.SetManagedFields(nil)
		from.SetAnnotations(nil)
		from.SetLabels(nil)
	}
	return obj, nil
}

// object is what a handler was given, or what was last known of one that has gone.
func object(obj any) metav1.Object {
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	found, err := meta.Accessor(obj)
	if err != nil {
		return nil
	}
	return found
}
