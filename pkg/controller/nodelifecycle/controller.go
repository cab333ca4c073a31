// Package nodelifecycle watches over the nodes: it notices those that have fallen
// silent, tells it by conditions and taints, marks their pods as not ready, and
// makes the pods leave, not too many at a time.
//
// A node lives while its Lease in kube-node-lease is renewed or its status posted.
// Each node is looked at when it changes and when its grace period would end,
// so a quiet cluster of any size costs nothing here but the heartbeats.
//
// https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
package nodelifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	coordinationinformers "k8s.io/client-go/informers/coordination/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers, Source that of its Events.
const (
	Name   = "node-lifecycle-controller"
	Source = "node-controller"
)

// workers sync different nodes at the same time: marking the pods of one that
// died takes a while.
const workers = 4

type controller struct {
	env    *control.Env
	grace  time.Duration // of silence
	queue  *cause.Queue[string]
	writes control.Writes
	alive  *heartbeats
	nodes  corelisters.NodeLister
	store  cache.Store               // of Nodes
	pods   cache.SharedIndexInformer // indexed by node

	mu sync.Mutex
	// known are the nodes whose registration was told in an Event.
	known map[string]bool
	// evicted is when a node of each zone was last made to lose its pods.
	evicted map[string]time.Time
}

// New makes the controller; a node may be silent for grace.
func New(env *control.Env, grace time.Duration) control.Controller {
	core := env.Informers.Core().V1()
	// The only Leases that this process caches are the nodes'.
	leases := env.Informers.InformerFor(&coordinationv1.Lease{}, func(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coordinationinformers.NewLeaseInformer(client, v1.NamespaceNodeLease, resync, nil)
	})
	c := &controller{
		env:     env,
		grace:   grace,
		queue:   cause.NewQueue[string]("node_lifecycle_controller"),
		alive:   newHeartbeats(),
		nodes:   core.Nodes().Lister(),
		store:   core.Nodes().Informer().GetStore(),
		pods:    core.Pods().Informer(),
		known:   map[string]bool{},
		evicted: map[string]time.Time{},
	}
	control.WithIndex(c.pods, control.ByNode, control.NodeIndex)
	control.Watch(env, core.Nodes().Informer(), "nodes", c.nodeChanged)
	control.Watch(env, leases, "leases.coordination.k8s.io", func(e control.Event[*coordinationv1.Lease]) {
		if e.New != nil {
			c.alive.seen(e.New.Name, time.Now()) // wakes nothing: the timer of the grace period asks
		}
	})
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, workers, c.sync)
	return nil
}

func (c *controller) nodeChanged(e control.Event[*v1.Node]) {
	if e.New != nil && e.Old != nil && beats(e.Old, e.New) {
		c.alive.seen(e.Key, time.Now())
	}
	if e.New != nil && e.Old != nil && equality.Semantic.DeepEqual(e.Old.Spec, e.New.Spec) && sameConditions(e.Old, e.New) {
		return
	}
	c.queue.Add(e.Key, e.Ref)
}

// sameConditions compares what conditions say, not when.
func sameConditions(a, b *v1.Node) bool {
	if len(a.Status.Conditions) != len(b.Status.Conditions) {
		return false
	}
	for _, c := range b.Status.Conditions {
		if was := condition(a, c.Type); was == nil || was.Status != c.Status {
			return false
		}
	}
	return true
}

func (c *controller) sync(ctx context.Context, name string) error {
	node, err := c.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		c.left(name)
		return nil
	}
	if !c.writes.Seen(name) {
		control.Backup(ctx, c.queue, name)
		return nil
	}
	c.register(node)
	now := time.Now()
	if silence := c.alive.silence(name, now); silence <= c.grace {
		c.queue.AddAfter(name, c.grace-silence+time.Second)
	} else if next := silenced(node, now); !equality.Semantic.DeepEqual(node.Status.Conditions, next) {
		return c.writeConditions(ctx, node, next)
	}
	if readiness(node) != v1.ConditionTrue {
		if err := c.markPods(ctx, node); err != nil {
			return err
		}
	}
	if condition(node, v1.NodeReady) == nil {
		return nil // its kubelet has not spoken yet; it was born with the taint not-ready
	}
	return c.writeTaints(ctx, node, taintsOf(node, c.mayEvict(node, now), now))
}

// register tells of a node that was not there before.
func (c *controller) register(node *v1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known[node.Name] {
		c.known[node.Name] = true
		c.event(node.Name, node.UID, "RegisteredNode", "Registered Node "+node.Name+" in Controller")
	}
}

// left tells of a node that is gone.
func (c *controller) left(name string) {
	c.alive.forget(name)
	c.writes.Forget(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[name] {
		delete(c.known, name)
		c.event(name, "", "RemovingNode", "Removing Node "+name+" from Controller")
	}
}

func (c *controller) event(name string, uid types.UID, reason, text string) {
	ref := &v1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: name, UID: uid}
	c.env.Events.Eventf(ref, v1.EventTypeNormal, reason, "Node %s event: %s", name, text)
}

// writeConditions says that a node has fallen silent. Its change wakes the node again.
func (c *controller) writeConditions(ctx context.Context, node *v1.Node, next []v1.NodeCondition) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID},
		"status":   map[string]any{"conditions": next}, // merged by type
	})
	if err != nil {
		return err
	}
	made, err := c.env.Client.CoreV1().Nodes().Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	c.writes.Made(node.Name, c.store, made)
	if readiness(node) == v1.ConditionTrue {
		ref := &v1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
		c.env.Events.Eventf(ref, v1.EventTypeNormal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)
	}
	return nil
}

// markPods says of the pods on a node that is not ready that they are not either,
// so that Services send them nothing.
func (c *controller) markPods(ctx context.Context, node *v1.Node) error {
	var errs []error
	for _, pod := range control.ByIndex[*v1.Pod](c.pods, control.ByNode, node.Name) {
		if control.Ready(pod) && !control.Ended(pod) {
			errs = append(errs, c.markPod(ctx, pod))
		}
	}
	return errors.Join(errs...)
}

func (c *controller) markPod(ctx context.Context, pod *v1.Pod) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status": map[string]any{"conditions": []any{map[string]any{ // merged by type
			"type": v1.PodReady, "status": v1.ConditionFalse, "lastTransitionTime": metav1.Now(),
		}}},
	})
	if err != nil {
		return err
	}
	_, err = c.env.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // gone, or another of its name
	}
	if err == nil {
		c.env.Events.Event(pod, v1.EventTypeWarning, "NodeNotReady", "Node is not ready")
	}
	return err
}

// mayEvict says whether a node's pods may be made to leave it now. When its turn
// is still to come the node is looked at again.
func (c *controller) mayEvict(node *v1.Node, now time.Time) bool {
	if readiness(node) == v1.ConditionTrue {
		return false
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return false
	}
	zones := zonesOf(nodes)
	if allDown(zones) {
		return false
	}
	if hasEvicting(node) {
		return true
	}
	pace := zones[zoneOf(node)].pace()
	c.mu.Lock()
	defer c.mu.Unlock()
	turn := c.evicted[zoneOf(node)].Add(pace)
	if pace == 0 || now.Before(turn) {
		c.queue.AddAfter(node.Name, max(time.Second, turn.Sub(now)))
		return false
	}
	c.evicted[zoneOf(node)] = now
	return true
}

func (c *controller) writeTaints(ctx context.Context, node *v1.Node, taints []v1.Taint) error {
	if equality.Semantic.DeepEqual(node.Spec.Taints, taints) {
		return nil
	}
	// The list is shared with others and replaced as a whole, so it is guarded:
	// by what it was, and not by the revision, which heartbeats change.
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": node.UID},
		{"op": "test", "path": "/spec/taints", "value": node.Spec.Taints},
		{"op": "add", "path": "/spec/taints", "value": taints},
	})
	if err != nil {
		return err
	}
	made, err := c.env.Client.CoreV1().Nodes().Patch(ctx, node.Name, types.JSONPatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	c.writes.Made(node.Name, c.store, made)
	return nil
}
