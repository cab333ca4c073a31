// Package endpoints keeps an Endpoints object for each Service with a selector:
// the addresses of its pods. Newer readers use EndpointSlices.
//
// https://kubernetes.io/docs/concepts/services-networking/service/#endpoints
package endpoints

import (
	"context"
	"maps"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	endpointsliceutil "k8s.io/endpointslice/util"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "endpoints-controller"

const (
	managedBy = "endpoints.kubernetes.io/managed-by"
	self      = "endpoint-controller"
)

// serverMayDelete is how long the server has to delete the Endpoints of a Service
// that has gone, as kube-apiserver does, before this controller does it.
const serverMayDelete = time.Second

type controller struct {
	env       *control.Env
	workers   int
	queue     *cause.Queue[string]
	writes    control.Writes
	triggers  *endpointsliceutil.TriggerTimeTracker
	services  corelisters.ServiceLister
	pods      corelisters.PodLister
	endpoints corelisters.EndpointsLister
	store     cache.Store // of Endpoints
}

// New makes the controller with that many workers.
func New(env *control.Env, workers int) control.Controller {
	core := env.Informers.Core().V1()
	c := &controller{
		env:       env,
		workers:   workers,
		queue:     cause.NewQueue[string]("endpoint"),
		triggers:  endpointsliceutil.NewTriggerTimeTracker(),
		services:  core.Services().Lister(),
		pods:      core.Pods().Lister(),
		endpoints: core.Endpoints().Lister(),
		store:     core.Endpoints().Informer().GetStore(),
	}
	control.Watch(env, core.Services().Informer(), "services", func(e control.Event[*v1.Service]) {
		if e.New == nil {
			c.queue.AddAfter(e.Key, serverMayDelete, e.Ref)
		} else {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	control.Watch(env, core.Pods().Informer(), "pods", func(e control.Event[*v1.Pod]) {
		for _, key := range control.ServicesOf(c.services, e) {
			c.queue.Add(key, e.Ref)
		}
	})
	control.Watch(env, core.Endpoints().Informer(), "endpoints", func(e control.Event[*v1.Endpoints]) {
		c.queue.Add(e.Key, e.Ref)
	})
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, c.workers, c.sync)
	return nil
}

func (c *controller) sync(ctx context.Context, key string) error {
	namespace, name, _ := strings.Cut(key, "/")
	if !c.writes.Seen(key) {
		control.Backup(ctx, c.queue, key)
		return nil
	}
	service, err := c.services.Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		c.triggers.DeleteService(namespace, name)
		c.writes.Forget(key)
		return c.remove(ctx, namespace, name)
	}
	if len(service.Spec.Selector) == 0 || service.Spec.Type == v1.ServiceTypeExternalName {
		return nil // somebody else keeps them, or there are none
	}
	pods, err := c.pods.Pods(namespace).List(labels.Set(service.Spec.Selector).AsSelectorPreValidated())
	if err != nil {
		return err
	}
	trigger := c.triggers.ComputeEndpointLastChangeTriggerTime(namespace, service, pods)
	have, err := c.endpoints.Endpoints(namespace).Get(name)
	if err != nil {
		have = &v1.Endpoints{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	}
	want := wanted(service, have, pods, trigger)
	if have.ResourceVersion != "" && same(have, want) {
		return nil
	}
	return c.write(ctx, key, service, want)
}

// remove deletes what a Service has left, unless the server has done so.
func (c *controller) remove(ctx context.Context, namespace, name string) error {
	have, err := c.endpoints.Endpoints(namespace).Get(name)
	if err != nil || have.Labels[managedBy] != self {
		return nil
	}
	err = c.env.Client.CoreV1().Endpoints(namespace).Delete(ctx, name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(have.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// wanted computes the Endpoints of a Service, starting from those there are.
func wanted(service *v1.Service, have *v1.Endpoints, pods []*v1.Pod, trigger time.Time) *v1.Endpoints {
	want := have.DeepCopy()
	var truncated bool
	want.Subsets, truncated = subsetsOf(service, pods)
	want.Labels = maps.Clone(service.Labels)
	if want.Labels == nil {
		want.Labels = map[string]string{}
	}
	want.Labels[managedBy] = self
	if service.Spec.ClusterIP == v1.ClusterIPNone {
		want.Labels[v1.IsHeadlessService] = ""
	}
	if want.Annotations == nil {
		want.Annotations = map[string]string{}
	}
	delete(want.Annotations, v1.EndpointsLastChangeTriggerTime)
	if !trigger.IsZero() {
		want.Annotations[v1.EndpointsLastChangeTriggerTime] = trigger.UTC().Format(time.RFC3339Nano)
	}
	delete(want.Annotations, v1.EndpointsOverCapacity)
	if truncated {
		want.Annotations[v1.EndpointsOverCapacity] = "truncated"
	}
	return want
}

// same ignores the trigger time: it goes along with a change and is none itself.
func same(have, want *v1.Endpoints) bool {
	return equality.Semantic.DeepEqual(have.Subsets, want.Subsets) &&
		equality.Semantic.DeepEqual(have.Labels, want.Labels) &&
		have.Annotations[v1.EndpointsOverCapacity] == want.Annotations[v1.EndpointsOverCapacity]
}

func (c *controller) write(ctx context.Context, key string, service *v1.Service, want *v1.Endpoints) error {
	client := c.env.Client.CoreV1().Endpoints(want.Namespace)
	var made *v1.Endpoints
	var err error
	if want.ResourceVersion == "" {
		made, err = client.Create(ctx, want, metav1.CreateOptions{})
	} else {
		made, err = client.Update(ctx, want, metav1.UpdateOptions{})
	}
	switch {
	case err == nil:
		c.writes.Made(key, c.store, made)
		return nil
	case apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause):
		return nil
	}
	c.env.Events.Eventf(service, v1.EventTypeWarning, "FailedToUpdateEndpoint", "Failed to update endpoint %s: %v", key, err)
	return err
}
