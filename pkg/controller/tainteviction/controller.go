// Package tainteviction makes pods leave nodes with a NoExecute taint that they do
// not tolerate, at once or when their toleration ends.
//
// The time is reckoned from when the taint was added, so a restart of this
// controller does not extend it.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
package tainteviction

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "taint-eviction-controller"

const workers = 8

type controller struct {
	env   *control.Env
	queue *cause.Queue[string] // of pods
	nodes corelisters.NodeLister
	pods  cache.SharedIndexInformer // indexed by node
}

// New makes the controller.
func New(env *control.Env) control.Controller {
	core := env.Informers.Core().V1()
	c := &controller{
		env:   env,
		queue: cause.NewQueue[string]("taint_eviction_controller"),
		nodes: core.Nodes().Lister(),
		pods:  core.Pods().Informer(),
	}
	control.WithIndex(c.pods, control.ByNode, control.NodeIndex)
	control.Watch(env, core.Nodes().Informer(), "nodes", c.nodeChanged)
	control.Watch(env, c.pods, "pods", func(e control.Event[*v1.Pod]) {
		if e.New == nil || e.New.Spec.NodeName == "" || e.Old != nil && e.Old.Spec.NodeName != "" &&
			equality.Semantic.DeepEqual(e.Old.Spec.Tolerations, e.New.Spec.Tolerations) {
			return
		}
		if node, err := c.nodes.Get(e.New.Spec.NodeName); err != nil || len(executing(node)) > 0 {
			c.queue.Add(e.Key, e.Ref)
		}
	})
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, workers, c.sync)
	return nil
}

// nodeChanged wakes the pods of a node whose NoExecute taints changed. One that lost
// them wakes them too: what was planned for them is looked at again in any case.
func (c *controller) nodeChanged(e control.Event[*v1.Node]) {
	var before, after []v1.Taint
	if e.Old != nil {
		before = executing(e.Old)
	}
	if e.New != nil {
		after = executing(e.New)
	}
	if len(after) == 0 || equality.Semantic.DeepEqual(before, after) {
		return
	}
	for _, pod := range control.ByIndex[*v1.Pod](c.pods, control.ByNode, e.Key) {
		c.queue.Add(control.Key(pod), e.Ref)
	}
}

func executing(node *v1.Node) []v1.Taint {
	var out []v1.Taint
	for _, taint := range node.Spec.Taints {
		if taint.Effect == v1.TaintEffectNoExecute {
			out = append(out, taint)
		}
	}
	return out
}

// leaveAt is when a pod with these tolerations must leave a node with these
// taints; false if it may stay. Of several tolerations the shortest counts.
func leaveAt(taints []v1.Taint, tolerations []v1.Toleration, now time.Time) (time.Time, bool) {
	var at time.Time
	for i := range taints {
		began := now
		if taints[i].TimeAdded != nil {
			began = taints[i].TimeAdded.Time
		}
		tolerated := false
		for j := range tolerations {
			if !tolerations[j].ToleratesTaint(klog.Background(), &taints[i], true) {
				continue
			}
			tolerated = true
			if seconds := tolerations[j].TolerationSeconds; seconds != nil {
				if end := began.Add(time.Duration(max(0, *seconds)) * time.Second); at.IsZero() || end.Before(at) {
					at = end
				}
			}
		}
		if !tolerated {
			return now, true
		}
	}
	return at, !at.IsZero()
}

func (c *controller) sync(ctx context.Context, key string) error {
	obj, ok, err := c.pods.GetStore().GetByKey(key)
	if err != nil || !ok {
		return err
	}
	pod := obj.(*v1.Pod)
	node, err := c.nodes.Get(pod.Spec.NodeName)
	if err != nil || pod.DeletionTimestamp != nil {
		return nil // podgc's business, or on its way
	}
	now := time.Now()
	at, leaves := leaveAt(executing(node), pod.Spec.Tolerations, now)
	switch {
	case !leaves:
		return nil
	case at.After(now):
		c.queue.AddAfter(key, at.Sub(now), cause.From(ctx)...)
		return nil
	}
	return c.evict(ctx, key, pod)
}

// evict says in the pod's status why it goes, then deletes it.
func (c *controller) evict(ctx context.Context, key string, pod *v1.Pod) error {
	c.env.Events.Eventf(pod, v1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s", key)
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status": map[string]any{"conditions": []any{map[string]any{ // merged by type
			"type": v1.DisruptionTarget, "status": v1.ConditionTrue, "lastTransitionTime": metav1.Now(),
			"reason": "DeletionByTaintManager", "message": "Taint manager: deleting due to NoExecute taint",
		}}},
	})
	if err != nil {
		return err
	}
	namespace, name, _ := strings.Cut(key, "/")
	client := c.env.Client.CoreV1().Pods(namespace)
	if _, err := client.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return unlessGone(err)
	}
	return unlessGone(client.Delete(ctx, name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}))
}

// unlessGone takes it for success that the pod, or this pod of its name, is gone.
func unlessGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
