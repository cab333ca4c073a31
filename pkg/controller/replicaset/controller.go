// Package replicaset keeps as many pods as a ReplicaSet asks for: it creates and
// deletes them, adopts orphans that its selector matches, releases what it no longer
// matches, and reports how many there are.
//
// The semantics are upstream's (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/)
// with fewer writes: a sync that creates or deletes pods leaves the status to the
// sync that sees them in the cache, and a status that only tells of pods on their
// way waits a moment for them, so that their start has the machine for itself.
package replicaset

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	appslisters "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "replicaset-controller"

// settle is how long a status waits for pods that are starting. A set whose pods
// start within it costs one write.
const settle = 250 * time.Millisecond

var kind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")

// Controller runs the ReplicaSets. Make it with New.
type Controller struct {
	env     *control.Env
	workers int
	queue   *cause.Queue[string]
	writes  control.Writes
	settle  *control.Settle

	lister appslisters.ReplicaSetLister
	sets   cache.SharedIndexInformer // indexed by controller
	pods   cache.SharedIndexInformer // indexed by controller
}

// New makes the controller with that many workers.
func New(env *control.Env, workers int) control.Controller {
	sets := env.Informers.Apps().V1().ReplicaSets()
	c := &Controller{
		env:     env,
		workers: workers,
		queue:   cause.NewQueue[string]("replicaset"),
		settle:  control.NewSettle(settle),
		lister:  sets.Lister(),
		sets:    sets.Informer(),
		pods:    env.Informers.Core().V1().Pods().Informer(),
	}
	parents := control.Parents[*appsv1.ReplicaSet]{Kind: kind.Kind, Cache: c.sets.GetIndexer(),
		Selector: func(rs *appsv1.ReplicaSet) (labels.Selector, error) {
			return metav1.LabelSelectorAsSelector(rs.Spec.Selector)
		}}
	control.WithIndex(c.sets, control.ByController, control.ControllerIndex)
	control.WithIndex(c.pods, control.ByController, control.ControllerIndex)
	control.Watch(env, c.sets, "replicasets.apps", func(e control.Event[*appsv1.ReplicaSet]) { c.queue.Add(e.Key, e.Ref) })
	control.Watch(env, c.pods, "pods", func(e control.Event[*v1.Pod]) { control.WakeParents(parents, c.queue, e) })
	return c
}

// Run implements control.Controller.
func (c *Controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, c.workers, c.sync)
	return nil
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, _ := strings.Cut(key, "/")
	rs, err := c.lister.ReplicaSets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		c.writes.Forget(key)
		c.settle.Forget(key)
		return nil
	}
	if !c.writes.Seen(key) {
		control.Backup(ctx, c.queue, key)
		return nil
	}
	pods, err := c.claim(ctx, key, rs)
	if err != nil || !c.writes.Seen(key) {
		return err
	}
	var active []*v1.Pod
	terminating := 0
	for _, pod := range pods {
		switch {
		case control.Active(pod):
			active = append(active, pod)
		case pod.DeletionTimestamp != nil && !control.Ended(pod):
			terminating++
		}
	}
	missing := 0
	if rs.DeletionTimestamp == nil && rs.Spec.Replicas != nil {
		missing = int(*rs.Spec.Replicas) - len(active)
	}
	acted, failure := c.manage(ctx, key, rs, active, missing)
	if failure == nil && acted {
		c.settle.Forget(key)
		return nil // the pods' events bring the key back, and the status then
	}
	status, next := statusOf(rs, active, terminating, missing, failure, time.Now())
	if next > 0 {
		c.queue.AddAfter(key, next)
	}
	more := c.queue.Pending(key) || onTheirWay(rs.Status, status)
	if failure == nil && more && c.settle.Wait(key) {
		c.settle.Hold(ctx, c.queue, key)
		return nil
	}
	c.settle.Forget(key)
	if err := c.writeStatus(ctx, key, rs, status); err != nil {
		return err
	}
	return failure
}

// claim returns the pods that rs controls, ended ones included, adopting and
// releasing.
func (c *Controller) claim(ctx context.Context, key string, rs *appsv1.ReplicaSet) ([]*v1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector of replica set %s: %w", key, err)
	}
	claimer := control.Claimer[*v1.Pod]{
		Owner: rs, Kind: kind, Selector: selector,
		Live: func(ctx context.Context) (metav1.Object, error) {
			return c.env.Client.AppsV1().ReplicaSets(rs.Namespace).Get(ctx, rs.Name, metav1.GetOptions{})
		},
		Patch: func(ctx context.Context, pod *v1.Pod, patch []byte) (*v1.Pod, error) {
			return c.env.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, control.StrategicMerge, patch, metav1.PatchOptions{})
		},
	}
	candidates := control.ByIndex[*v1.Pod](c.pods, control.ByController, string(rs.UID))
	for _, pod := range control.ByIndex[*v1.Pod](c.pods, control.ByController, control.OrphanIn(rs.Namespace)) {
		if control.Active(pod) {
			candidates = append(candidates, pod)
		}
	}
	claimed, changed, err := claimer.Claim(ctx, candidates)
	for _, pod := range changed {
		c.writes.Made(key, c.pods.GetStore(), pod)
	}
	return claimed, err
}

// manage creates or deletes pods so that none is missing any more. It says
// whether it changed anything.
func (c *Controller) manage(ctx context.Context, key string, rs *appsv1.ReplicaSet, active []*v1.Pod, missing int) (acted bool, err error) {
	var done int
	switch {
	case missing > 0:
		done, err = slowStart(min(missing, burst), func(int) error { return c.createPod(ctx, key, rs) })
	case missing < 0:
		doomed := victims(active, min(-missing, burst), c.onNodes(rs), time.Now())
		done, err = together(len(doomed), func(i int) error { return c.deletePod(ctx, key, rs, doomed[i]) })
	}
	if apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
		return true, nil // there is nothing to keep up in a namespace that goes
	}
	return done > 0, err
}

// onNodes counts the active pods of rs and its siblings, those with the same
// controller, on each node.
func (c *Controller) onNodes(rs *appsv1.ReplicaSet) map[string]int {
	siblings := []*appsv1.ReplicaSet{rs}
	if owner := metav1.GetControllerOfNoCopy(rs); owner != nil {
		siblings = control.ByIndex[*appsv1.ReplicaSet](c.sets, control.ByController, string(owner.UID))
	}
	out := map[string]int{}
	for _, rs := range siblings {
		for _, pod := range control.ByIndex[*v1.Pod](c.pods, control.ByController, string(rs.UID)) {
			if control.Active(pod) {
				out[pod.Spec.NodeName]++
			}
		}
	}
	return out
}

func (c *Controller) createPod(ctx context.Context, key string, rs *appsv1.ReplicaSet) error {
	pod, err := c.env.Client.CoreV1().Pods(rs.Namespace).Create(ctx, newPod(rs), metav1.CreateOptions{})
	if err != nil {
		if !apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
			c.env.Events.Eventf(rs, v1.EventTypeWarning, "FailedCreate", "Error creating: %v", err)
		}
		return err
	}
	c.writes.Made(key, c.pods.GetStore(), pod)
	c.env.Events.Eventf(rs, v1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", pod.Name)
	return nil
}

func (c *Controller) deletePod(ctx context.Context, key string, rs *appsv1.ReplicaSet, pod *v1.Pod) error {
	err := c.env.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		err = nil // gone, or another one by now: the cache will say so
	} else if err == nil {
		c.env.Events.Eventf(rs, v1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
	}
	if err != nil {
		c.env.Events.Eventf(rs, v1.EventTypeWarning, "FailedDelete", "Error deleting: %v", err)
		return err
	}
	c.writes.Removed(key, c.pods.GetStore(), pod)
	return nil
}

func (c *Controller) writeStatus(ctx context.Context, key string, rs *appsv1.ReplicaSet, status appsv1.ReplicaSetStatus) error {
	if equality.Semantic.DeepEqual(rs.Status, status) {
		return nil
	}
	next := rs.DeepCopy()
	next.Status = status
	made, err := c.env.Client.AppsV1().ReplicaSets(rs.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
	if err != nil {
		return control.Newer(err)
	}
	c.writes.Made(key, c.sets.GetStore(), made)
	return nil
}
