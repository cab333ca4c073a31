// Package nodeipam gives each node a range of the cluster's CIDR for its pods:
// spec.podCIDR and spec.podCIDRs, once and for the node's life.
//
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/ (--cluster-cidr)
package nodeipam

import (
	"context"
	"encoding/json"
	"net/netip"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"

	"slowmo/pkg/component"
	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "node-ipam-controller"

type controller struct {
	env   *control.Env
	queue *cause.Queue[string]
	nodes corelisters.NodeLister

	// Only the one worker touches these.
	families []*ranges                 // in the order of --cluster-cidr
	held     map[string][]netip.Prefix // by node; what the families count as used
}

// New makes the controller for the CIDRs of --cluster-cidr, of which nodes get /mask.
func New(env *control.Env, cidrs []string, mask int) (control.Controller, error) {
	nodes := env.Informers.Core().V1().Nodes()
	c := &controller{
		env:   env,
		queue: cause.NewQueue[string]("node_ipam"),
		nodes: nodes.Lister(),
		held:  map[string][]netip.Prefix{},
	}
	var err error
	if c.families, err = families(cidrs, mask); err != nil {
		return nil, err
	}
	control.Watch(env, nodes.Informer(), "nodes", func(e control.Event[*v1.Node]) {
		if e.New == nil || e.Old == nil || len(e.New.Spec.PodCIDRs) != len(e.Old.Spec.PodCIDRs) {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	return c, nil
}

// Validate says what is wrong with the flags.
func Validate(cidrs []string, mask int) error {
	_, err := families(cidrs, mask)
	return err
}

func families(cidrs []string, mask int) ([]*ranges, error) {
	var out []*ranges
	for _, cidr := range cidrs {
		family, err := newRanges(cidr, mask)
		if err != nil {
			return nil, component.Usagef("--cluster-cidr, --node-cidr-mask-size: %w", err)
		}
		out = append(out, family)
	}
	return out, nil
}

func (c *controller) Run(ctx context.Context) error {
	// What nodes have comes before what they get.
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, node := range nodes {
		c.occupy(node)
	}
	c.queue.Run(ctx, 1, c.sync) // one worker: it owns the ranges
	return nil
}

// occupy counts the ranges that a node has as used.
func (c *controller) occupy(node *v1.Node) {
	if len(c.held[node.Name]) > 0 {
		return
	}
	for _, cidr := range node.Spec.PodCIDRs {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			continue // not from here, and nothing that could be given to another
		}
		for _, family := range c.families {
			if family.within.Overlaps(p) && family.take(p) {
				c.held[node.Name] = append(c.held[node.Name], p)
			}
		}
	}
}

func (c *controller) release(name string) {
	for _, p := range c.held[name] {
		for _, family := range c.families {
			if family.within.Overlaps(p) {
				family.release(p)
			}
		}
	}
	delete(c.held, name)
}

func (c *controller) sync(ctx context.Context, name string) error {
	node, err := c.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		c.release(name)
		return nil
	}
	if len(node.Spec.PodCIDRs) > 0 {
		c.occupy(node)
		return nil
	}
	if len(c.held[name]) == 0 {
		if err := c.allocate(node); err != nil {
			c.env.Events.Event(node, v1.EventTypeNormal, "CIDRNotAvailable", "Node "+name+" status is now: CIDRNotAvailable")
			return err
		}
	}
	return c.write(ctx, node)
}

// allocate takes a range of each family for a node, or none.
func (c *controller) allocate(node *v1.Node) error {
	for _, family := range c.families {
		p, err := family.next()
		if err != nil {
			c.release(node.Name)
			return err
		}
		c.held[node.Name] = append(c.held[node.Name], p)
	}
	return nil
}

// write gives a node what is held for it. After an error it is still held and the
// same is written again, since the server may have taken it.
func (c *controller) write(ctx context.Context, node *v1.Node) error {
	cidrs := make([]string, len(c.held[node.Name]))
	for i, p := range c.held[node.Name] {
		cidrs[i] = p.String()
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID},
		"spec":     map[string]any{"podCIDR": cidrs[0], "podCIDRs": cidrs},
	})
	if err != nil {
		return err
	}
	_, err = c.env.Client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		c.release(node.Name)
		return nil
	}
	return err
}
