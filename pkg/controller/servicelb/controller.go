// Package servicelb makes Services of type LoadBalancer reachable where no cloud
// does: it publishes the nodes' addresses as the load balancer's, and the proxy
// on each node answers on them.
//
// A Service with a loadBalancerClass asks for another implementation and is left
// alone (https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-class).
package servicelb

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "service-lb-controller"

type controller struct {
	env      *control.Env
	queue    *cause.Queue[string]
	writes   control.Writes
	services corelisters.ServiceLister
	store    cache.Store
	nodes    corelisters.NodeLister
}

// New makes the controller.
func New(env *control.Env) control.Controller {
	core := env.Informers.Core().V1()
	c := &controller{
		env:      env,
		queue:    cause.NewQueue[string]("service"),
		services: core.Services().Lister(),
		store:    core.Services().Informer().GetStore(),
		nodes:    core.Nodes().Lister(),
	}
	control.Watch(env, core.Services().Informer(), "services", func(e control.Event[*v1.Service]) {
		if e.New != nil && (balanced(e.New) || e.Old != nil && balanced(e.Old)) {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	control.Watch(env, core.Nodes().Informer(), "nodes", c.nodeChanged)
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, 1, c.sync)
	return nil
}

// balanced says whether a Service is this controller's business.
func balanced(service *v1.Service) bool {
	return service.Spec.Type == v1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil
}

// nodeChanged wakes all balanced Services when a node's part in them changes.
func (c *controller) nodeChanged(e control.Event[*v1.Node]) {
	if e.Old != nil && e.New != nil && slices.Equal(addresses(e.Old), addresses(e.New)) {
		return
	}
	all, _ := c.services.List(labels.Everything()) // a cache list has no errors
	for _, service := range all {
		if balanced(service) {
			c.queue.Add(control.Key(service), e.Ref)
		}
	}
}

func (c *controller) sync(ctx context.Context, key string) error {
	namespace, name, _ := strings.Cut(key, "/")
	service, err := c.services.Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		c.writes.Forget(key)
		return nil
	}
	if !c.writes.Seen(key) {
		control.Backup(ctx, c.queue, key)
		return nil
	}
	var ingress []v1.LoadBalancerIngress
	if balanced(service) && service.DeletionTimestamp == nil {
		nodes, err := c.nodes.List(labels.Everything())
		if err != nil {
			return err
		}
		ingress = ingressOf(service, nodes)
	} else if service.Spec.Type == v1.ServiceTypeLoadBalancer {
		return nil // another implementation's
	}
	if equality.Semantic.DeepEqual(service.Status.LoadBalancer.Ingress, ingress) {
		return nil
	}
	fields := func(ingress []v1.LoadBalancerIngress) any {
		return map[string]any{"status": v1.ServiceStatus{LoadBalancer: v1.LoadBalancerStatus{Ingress: ingress}}}
	}
	patch, err := control.MergePatch(service, fields(service.Status.LoadBalancer.Ingress), fields(ingress))
	if err != nil || patch == nil {
		return err
	}
	made, err := c.env.Client.CoreV1().Services(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		c.writes.Made(key, c.store, made)
	}
	return err
}

// ingressOf lists the addresses of all nodes that take part, of the families that
// the Service has, sorted.
func ingressOf(service *v1.Service, nodes []*v1.Node) []v1.LoadBalancerIngress {
	var ips []string
	for _, node := range nodes {
		for _, ip := range addresses(node) {
			if hasFamily(service, ip) {
				ips = append(ips, ip)
			}
		}
	}
	slices.Sort(ips)
	var out []v1.LoadBalancerIngress
	mode := v1.LoadBalancerIPModeVIP
	for _, ip := range slices.Compact(ips) {
		out = append(out, v1.LoadBalancerIngress{IP: ip, IPMode: &mode})
	}
	return out
}

func hasFamily(service *v1.Service, ip string) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	family := v1.IPv4Protocol
	if addr.Is6() {
		family = v1.IPv6Protocol
	}
	return slices.Contains(service.Spec.IPFamilies, family)
}

// addresses are where a node can be reached: the external ones if it has any,
// else the internal. A node that is not ready or excluded has none.
func addresses(node *v1.Node) []string {
	if _, excluded := node.Labels[v1.LabelNodeExcludeBalancers]; excluded || node.DeletionTimestamp != nil || !ready(node) {
		return nil
	}
	for _, kind := range []v1.NodeAddressType{v1.NodeExternalIP, v1.NodeInternalIP} {
		var out []string
		for _, address := range node.Status.Addresses {
			if address.Type == kind {
				out = append(out, address.Address)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

func ready(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}
