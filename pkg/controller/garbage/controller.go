// Package garbage deletes objects whose owners are gone, and finishes deletions
// that wait for dependents: the cascade of kubectl delete.
//
// graph.go holds who owns whom, fed by monitors.go from every resource that the
// server has. An event names the few objects that it may matter to; collect.go
// looks at each as the server has it now and decides. Nothing is deleted on the
// word of the cache alone: an owner counts as gone when its deletion was seen or when
// the server answers 404 or another uid, and each deletion is bound to the uid.
//
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/
package garbage

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "garbage-collector-controller"

const (
	// ownerMayCome is how long the event of an owner may come after that of its
	// dependent before the server is asked.
	ownerMayCome = 200 * time.Millisecond
	// rediscover backs up the events of what extends the API.
	rediscover = time.Minute
	// servedSoon is how long the server may take to serve a kind after the
	// event that adds it.
	servedSoon = time.Second
)

// Controller collects garbage. Make it with New.
type Controller struct {
	workers  int
	queue    *cause.Queue[types.UID]
	graph    *graph
	monitors *monitors
	metadata metadata.Interface
	// extended has room for one: the API may have changed.
	extended chan struct{}
}

// New makes the controller with that many workers.
func New(env *control.Env, workers int) (control.Controller, error) {
	client, err := metadata.NewForConfig(env.Config)
	if err != nil {
		return nil, err
	}
	c := &Controller{
		workers:  workers,
		queue:    cause.NewQueue[types.UID]("garbage_collector"),
		graph:    newGraph(),
		metadata: client,
		extended: make(chan struct{}, 1),
	}
	c.monitors = &monitors{
		discovery: env.Client.Discovery(),
		metadata:  client,
		shared:    sharedInformers(env.Informers),
		handle:    c.changed,
		running:   map[schema.GroupVersionResource]*monitor{},
	}
	return c, nil
}

// Run implements control.Controller.
func (c *Controller) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer c.monitors.wait()
	defer stop()
	if !c.watchAll(ctx) {
		return nil
	}
	done := make(chan struct{})
	go func() { defer close(done); c.followAPI(ctx) }()
	c.queue.Run(ctx, c.workers, c.sync)
	<-done
	return nil
}

// watchAll starts the monitors and waits for the whole graph, for without it an
// owner may only seem to be missing. It tries again until the server answers.
func (c *Controller) watchAll(ctx context.Context) bool {
	for {
		synced, err := c.monitors.refresh(ctx)
		if err == nil {
			return cache.WaitFor(ctx, "", synced...)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(servedSoon):
		}
	}
}

// followAPI brings the monitors up to date when kinds come and go.
func (c *Controller) followAPI(ctx context.Context) {
	next := time.NewTimer(rediscover)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.extended:
			next.Reset(servedSoon)
		case <-next.C:
			next.Reset(rediscover)
			if _, err := c.monitors.refresh(ctx); err != nil {
				next.Reset(servedSoon)
			}
		}
	}
}

// changed takes an event into the graph and wakes what it may matter to.
func (c *Controller) changed(resource schema.GroupVersionResource, old, obj metav1.Object) {
	newest := obj
	var wake wake
	switch {
	case obj != nil && (old == nil || old.GetResourceVersion() != obj.GetResourceVersion()):
		wake = c.graph.observe(nodeOf(resource, obj))
	case obj == nil && old != nil:
		newest = old
		wake = c.graph.remove(old.GetUID())
	default:
		return
	}
	ref := cause.Of(newest, resource.GroupResource().String())
	for _, uid := range wake.now {
		c.queue.Add(uid, ref)
	}
	for _, uid := range wake.later {
		c.queue.AddAfter(uid, ownerMayCome, ref)
	}
	if resource.Group == "apiextensions.k8s.io" || resource.Group == "apiregistration.k8s.io" {
		select {
		case c.extended <- struct{}{}:
		default:
		}
	}
}

func nodeOf(resource schema.GroupVersionResource, obj metav1.Object) *node {
	return &node{
		identity:   identity{resource: resource, namespace: obj.GetNamespace(), name: obj.GetName(), uid: obj.GetUID()},
		owners:     obj.GetOwnerReferences(),
		deleting:   obj.GetDeletionTimestamp() != nil,
		foreground: slices.Contains(obj.GetFinalizers(), metav1.FinalizerDeleteDependents),
		orphan:     slices.Contains(obj.GetFinalizers(), metav1.FinalizerOrphanDependents),
	}
}
