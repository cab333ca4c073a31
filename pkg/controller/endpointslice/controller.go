// Package endpointslice keeps the EndpointSlices of each Service with a selector,
// from which proxies and DNS learn its pods. What goes into which slice is
// computed by k8s.io/endpointslice; this is the shell around it.
//
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
package endpointslice

import (
	"context"
	"errors"
	"strings"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/endpointslice"
	endpointsliceutil "k8s.io/endpointslice/util"
	"k8s.io/klog/v2"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "endpointslice-controller"

const (
	// self is the value of the managed-by label on this controller's slices.
	self = "endpointslice-controller.k8s.io"
	// perSlice is how many endpoints a slice holds at most.
	perSlice = 100
)

type controller struct {
	env      *control.Env
	workers  int
	queue    *cause.Queue[string] // of Services
	writes   control.Writes
	tracker  *endpointsliceutil.EndpointSliceTracker
	triggers *endpointsliceutil.TriggerTimeTracker
	services corelisters.ServiceLister
	pods     corelisters.PodLister
	nodes    corelisters.NodeLister
	slices   discoverylisters.EndpointSliceLister
	store    cache.Store // of EndpointSlices
}

// New makes the controller with that many workers.
func New(env *control.Env, workers int) control.Controller {
	core, slices := env.Informers.Core().V1(), env.Informers.Discovery().V1().EndpointSlices()
	c := &controller{
		env:      env,
		workers:  workers,
		queue:    cause.NewQueue[string]("endpoint_slice"),
		tracker:  endpointsliceutil.NewEndpointSliceTracker(),
		triggers: endpointsliceutil.NewTriggerTimeTracker(),
		services: core.Services().Lister(),
		pods:     core.Pods().Lister(),
		nodes:    core.Nodes().Lister(),
		slices:   slices.Lister(),
		store:    slices.Informer().GetStore(),
	}
	control.Watch(env, core.Services().Informer(), "services", func(e control.Event[*v1.Service]) { c.queue.Add(e.Key, e.Ref) })
	control.Watch(env, core.Pods().Informer(), "pods", func(e control.Event[*v1.Pod]) {
		for _, key := range control.ServicesOf(c.services, e) {
			c.queue.Add(key, e.Ref)
		}
	})
	control.Watch(env, slices.Informer(), "endpointslices.discovery.k8s.io", c.sliceChanged)
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, c.workers, c.sync)
	return nil
}

// sliceChanged wakes the Service of a slice of this controller, before and after.
func (c *controller) sliceChanged(e control.Event[*discoveryv1.EndpointSlice]) {
	if e.New == nil {
		c.tracker.HandleDeletion(e.Old)
	}
	for _, slice := range []*discoveryv1.EndpointSlice{e.Old, e.New} {
		if slice != nil && slice.Labels[discoveryv1.LabelManagedBy] == self {
			if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
				c.queue.Add(slice.Namespace+"/"+name, e.Ref)
			}
		}
	}
}

func (c *controller) sync(ctx context.Context, key string) error {
	namespace, name, _ := strings.Cut(key, "/")
	service, err := c.services.Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		// The slices are the garbage collector's: the Service owned them.
		c.triggers.DeleteService(namespace, name)
		c.tracker.DeleteService(namespace, name)
		c.writes.Forget(key)
		return nil
	}
	if !c.writes.Seen(key) {
		control.Backup(ctx, c.queue, key)
		return nil
	}
	if service.Spec.Selector == nil || service.Spec.Type == v1.ServiceTypeExternalName || service.DeletionTimestamp != nil {
		return nil
	}
	pods, err := c.pods.Pods(namespace).List(labels.Set(service.Spec.Selector).AsSelectorPreValidated())
	if err != nil {
		return err
	}
	slices, err := c.slices.EndpointSlices(namespace).List(labels.Set{
		discoveryv1.LabelServiceName: name, discoveryv1.LabelManagedBy: self}.AsSelectorPreValidated())
	if err != nil {
		return err
	}
	slices = alive(slices)
	if c.tracker.StaleSlices(service, slices) {
		return errors.New("the cache of EndpointSlices is behind")
	}
	trigger := c.triggers.ComputeEndpointLastChangeTriggerTime(namespace, service, pods)
	err = c.reconciler(ctx, key).Reconcile(klog.FromContext(ctx), service, pods, slices, trigger)
	if err != nil && !apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
		c.env.Events.Eventf(service, v1.EventTypeWarning, "FailedToUpdateEndpointSlices",
			"Error updating Endpoint Slices for Service %s: %v", key, err)
		return err
	}
	return nil
}

// reconciler is made for each sync, for its context.
func (c *controller) reconciler(ctx context.Context, key string) *endpointslice.Reconciler {
	client := boundClient{c.env.Client, ctx, func(slice *discoveryv1.EndpointSlice) { c.writes.Made(key, c.store, slice) }}
	return endpointslice.NewReconciler(client, c.nodes, perSlice, c.tracker, nil, c.env.Events, self,
		endpointslice.WithPreferSameTrafficDistributionEnabled(true))
}

// alive leaves out slices that are being deleted: they cannot be relied on.
func alive(slices []*discoveryv1.EndpointSlice) []*discoveryv1.EndpointSlice {
	var out []*discoveryv1.EndpointSlice
	for _, slice := range slices {
		if slice.DeletionTimestamp == nil {
			out = append(out, slice)
		}
	}
	return out
}
