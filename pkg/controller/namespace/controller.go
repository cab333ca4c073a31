// Package namespace empties namespaces that are being deleted, and then lets them
// go: it deletes all objects of every kind that discovery names, says in the
// status what is left, and takes the namespace's finalizer off when nothing is.
//
// https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace
package namespace

import (
	"context"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "namespace-controller"

// lookAgain is when to look at a namespace whose last objects give no event here:
// those of kinds that this process does not watch.
const lookAgain = time.Second

type controller struct {
	env        *control.Env
	workers    int
	queue      *cause.Queue[string]
	writes     control.Writes
	metadata   metadata.Interface
	namespaces corelisters.NamespaceLister
	store      cache.Store // of Namespaces
}

// New makes the controller with that many workers.
func New(env *control.Env, workers int) (control.Controller, error) {
	client, err := metadata.NewForConfig(env.Config)
	if err != nil {
		return nil, err
	}
	core := env.Informers.Core().V1()
	c := &controller{
		env:        env,
		workers:    workers,
		queue:      cause.NewQueue[string]("namespace"),
		metadata:   client,
		namespaces: core.Namespaces().Lister(),
		store:      core.Namespaces().Informer().GetStore(),
	}
	control.Watch(env, core.Namespaces().Informer(), "namespaces", func(e control.Event[*v1.Namespace]) {
		if e.New != nil && e.New.DeletionTimestamp != nil {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	control.Watch(env, core.Pods().Informer(), "pods", func(e control.Event[*v1.Pod]) {
		if e.New == nil && c.terminating(e.Old.Namespace) {
			c.queue.Add(e.Old.Namespace, e.Ref)
		}
	})
	return c, nil
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, c.workers, c.sync)
	return nil
}

func (c *controller) terminating(namespace string) bool {
	ns, err := c.namespaces.Get(namespace)
	return err == nil && ns.DeletionTimestamp != nil
}

func (c *controller) sync(ctx context.Context, name string) error {
	ns, err := c.namespaces.Get(name)
	if apierrors.IsNotFound(err) || ns.DeletionTimestamp == nil || !slices.Contains(ns.Spec.Finalizers, v1.FinalizerKubernetes) {
		c.writes.Forget(name)
		return nil
	}
	if !c.writes.Seen(name) {
		control.Backup(ctx, c.queue, name)
		return nil
	}
	p := c.empty(ctx, name)
	if p.done() {
		return c.finalize(ctx, ns)
	}
	if err := c.writeConditions(ctx, ns, p); err != nil {
		return err
	}
	if len(p.failures) > 0 {
		return p.failures[0]
	}
	if p.discovery != nil {
		return p.discovery
	}
	c.queue.AddAfter(name, max(lookAgain, p.grace/2), cause.From(ctx)...)
	return nil
}

func (c *controller) writeConditions(ctx context.Context, ns *v1.Namespace, p *progress) error {
	status := v1.NamespaceStatus{Phase: v1.NamespaceTerminating, Conditions: p.conditions(ns.Status.Conditions, time.Now())}
	if equality.Semantic.DeepEqual(ns.Status, status) {
		return nil
	}
	next := ns.DeepCopy()
	next.Status = status
	made, err := c.env.Client.CoreV1().Namespaces().UpdateStatus(ctx, next, metav1.UpdateOptions{})
	if err == nil {
		c.writes.Made(ns.Name, c.store, made)
	}
	return control.Newer(err)
}
