// Package podgc deletes pods that nobody else will: those bound to a node that is
// gone, those that were deleted before they were ever bound, and of those that have ended
// the oldest above a threshold.
//
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
package podgc

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "pod-garbage-collector-controller"

// quarantine is how long a node must be gone before its pods go: it may come back
// under its name.
const quarantine = 40 * time.Second

// The keys of the queue: all pods together are looked at for the threshold, and
// one node's when it is gone.
type key struct{ node string }

var everything = key{}

type controller struct {
	env       *control.Env
	threshold int // 0: keep any number
	queue     *cause.Queue[key]
	pods      corelisters.PodLister
	nodes     corelisters.NodeLister
}

// New makes the controller, which keeps up to threshold ended pods, or all when that is 0.
func New(env *control.Env, threshold int) control.Controller {
	core := env.Informers.Core().V1()
	c := &controller{
		env: env, threshold: threshold,
		queue: cause.NewQueue[key]("gc"),
		pods:  core.Pods().Lister(), nodes: core.Nodes().Lister(),
	}
	control.Watch(env, core.Pods().Informer(), "pods", c.podChanged)
	control.Watch(env, core.Nodes().Informer(), "nodes", func(e control.Event[*v1.Node]) {
		if e.New == nil {
			c.queue.AddAfter(key{e.Old.Name}, quarantine, e.Ref)
		}
	})
	return c
}

func (c *controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, 1, c.sync)
	return nil
}

func (c *controller) podChanged(e control.Event[*v1.Pod]) {
	pod := e.New
	switch {
	case pod == nil:
	case unboundAndDeleted(pod), control.Ended(pod) && (e.Old == nil || !control.Ended(e.Old)):
		c.queue.Add(everything, e.Ref)
	case pod.Spec.NodeName != "" && (e.Old == nil || e.Old.Spec.NodeName == ""):
		if _, err := c.nodes.Get(pod.Spec.NodeName); err != nil {
			c.queue.AddAfter(key{pod.Spec.NodeName}, quarantine, e.Ref)
		}
	}
}

func (c *controller) sync(ctx context.Context, k key) error {
	pods, err := c.pods.List(labels.Everything())
	if err != nil {
		return err
	}
	if k == everything {
		return c.deleteAll(ctx, unneeded(pods, c.threshold))
	}
	gone, err := c.isGone(ctx, k.node)
	if err != nil || !gone {
		return err
	}
	return c.deleteAll(ctx, slices.DeleteFunc(pods, func(pod *v1.Pod) bool { return pod.Spec.NodeName != k.node }))
}

// isGone asks the server, since pods die of the answer.
func (c *controller) isGone(ctx context.Context, node string) (bool, error) {
	if _, err := c.nodes.Get(node); err == nil {
		return false, nil
	}
	_, err := c.env.Client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return false, err
}

func unboundAndDeleted(pod *v1.Pod) bool {
	return pod.DeletionTimestamp != nil && pod.Spec.NodeName == ""
}

// unneeded returns the pods that were deleted before they were bound, and of the
// ended ones the oldest above threshold.
func unneeded(pods []*v1.Pod, threshold int) []*v1.Pod {
	var out, ended []*v1.Pod
	for _, pod := range pods {
		switch {
		case unboundAndDeleted(pod):
			out = append(out, pod)
		case control.Ended(pod):
			ended = append(ended, pod)
		}
	}
	if threshold <= 0 || len(ended) <= threshold {
		return out
	}
	slices.SortFunc(ended, func(a, b *v1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return append(out, ended[:len(ended)-threshold]...)
}

// deleteAll deletes at once: no kubelet is there to wait for.
func (c *controller) deleteAll(ctx context.Context, pods []*v1.Pod) error {
	var errs []error
	for _, pod := range pods {
		err := c.env.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
