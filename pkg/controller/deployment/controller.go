// Package deployment turns Deployments into ReplicaSets: one for each revision of
// the pod template, scaled against each other so that a change rolls out.
//
// decide computes each step as a value (plan.go), from arithmetic in rolling.go,
// the bookkeeping of revisions in revision.go and conditions in status.go. This
// file is the shell: it feeds decide from the caches and writes what it answers.
//
// The semantics are upstream's (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/)
// with fewer writes: the status is not written while a ReplicaSet has yet to
// answer a change of its spec, because its answer changes the status again.
package deployment

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
	"k8s.io/apimachinery/pkg/types"
	appslisters "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/controller/control"
)

// Name is the controller's name in --controllers.
const Name = "deployment-controller"

// settle is how long a status waits for ReplicaSets that have yet to answer: as
// long as their controller lets them, and then some.
const settle = 500 * time.Millisecond

var kind = appsv1.SchemeGroupVersion.WithKind("Deployment")

// Controller runs the deployments. Make it with New.
type Controller struct {
	env     *control.Env
	workers int
	queue   *cause.Queue[string]
	writes  control.Writes
	settle  *control.Settle

	parents         control.Parents[*appsv1.Deployment]
	deployments     appslisters.DeploymentLister
	deploymentStore cache.Store
	sets            cache.SharedIndexInformer // indexed by controller
	pods            cache.SharedIndexInformer // indexed by controller
}

// New makes the controller with that many workers.
func New(env *control.Env, workers int) control.Controller {
	apps := env.Informers.Apps().V1()
	c := &Controller{
		env:             env,
		workers:         workers,
		queue:           cause.NewQueue[string]("deployment"),
		settle:          control.NewSettle(settle),
		deployments:     apps.Deployments().Lister(),
		deploymentStore: apps.Deployments().Informer().GetStore(),
		sets:            apps.ReplicaSets().Informer(),
		pods:            env.Informers.Core().V1().Pods().Informer(),
	}
	c.parents = control.Parents[*appsv1.Deployment]{Kind: kind.Kind, Cache: apps.Deployments().Informer().GetIndexer(),
		Selector: func(d *appsv1.Deployment) (labels.Selector, error) {
			return metav1.LabelSelectorAsSelector(d.Spec.Selector)
		}}
	control.WithIndex(c.sets, control.ByController, control.ControllerIndex)
	control.WithIndex(c.pods, control.ByController, control.ControllerIndex)
	control.Watch(env, apps.Deployments().Informer(), "deployments.apps", func(e control.Event[*appsv1.Deployment]) {
		c.queue.Add(e.Key, e.Ref)
	})
	control.Watch(env, c.sets, "replicasets.apps", func(e control.Event[*appsv1.ReplicaSet]) {
		control.WakeParents(c.parents, c.queue, e)
	})
	control.Watch(env, c.pods, "pods", c.podChanged)
	return c
}

// Run implements control.Controller.
func (c *Controller) Run(ctx context.Context) error {
	c.queue.Run(ctx, c.workers, c.sync)
	return nil
}

// podChanged wakes a Deployment that recreates: it waits for old pods to end.
func (c *Controller) podChanged(e control.Event[*v1.Pod]) {
	gone := e.New == nil || control.Ended(e.New) && e.Old != nil && !control.Ended(e.Old)
	if !gone {
		return
	}
	owner := metav1.GetControllerOfNoCopy(e.Old)
	if owner == nil || owner.Kind != "ReplicaSet" {
		return
	}
	obj, ok, _ := c.sets.GetStore().GetByKey(e.Old.Namespace + "/" + owner.Name) // keys cannot be wrong
	if !ok {
		return
	}
	if d, ok := c.parents.Of(obj.(*appsv1.ReplicaSet)); ok && d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		c.queue.Add(control.Key(d), e.Ref)
	}
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, _ := strings.Cut(key, "/")
	d, err := c.deployments.Deployments(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		c.writes.Forget(key)
		c.settle.Forget(key)
		return nil
	}
	if !c.writes.Seen(key) {
		control.Backup(ctx, c.queue, key)
		return nil
	}
	sets, err := c.claim(ctx, key, d)
	if err != nil || !c.writes.Seen(key) {
		return err
	}
	p := decide(world{deployment: d, sets: sets, busy: c.busy, now: time.Now()})
	return c.apply(ctx, key, d, sets, p)
}

// claim returns the ReplicaSets that d controls, adopting and releasing.
func (c *Controller) claim(ctx context.Context, key string, d *appsv1.Deployment) ([]*appsv1.ReplicaSet, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector of deployment %s: %w", key, err)
	}
	client := c.env.Client.AppsV1()
	claimer := control.Claimer[*appsv1.ReplicaSet]{
		Owner: d, Kind: kind, Selector: selector,
		Live: func(ctx context.Context) (metav1.Object, error) {
			return client.Deployments(d.Namespace).Get(ctx, d.Name, metav1.GetOptions{})
		},
		Patch: func(ctx context.Context, rs *appsv1.ReplicaSet, patch []byte) (*appsv1.ReplicaSet, error) {
			return client.ReplicaSets(rs.Namespace).Patch(ctx, rs.Name, control.StrategicMerge, patch, metav1.PatchOptions{})
		},
	}
	candidates := append(control.ByIndex[*appsv1.ReplicaSet](c.sets, control.ByController, string(d.UID)),
		control.ByIndex[*appsv1.ReplicaSet](c.sets, control.ByController, control.OrphanIn(d.Namespace))...)
	claimed, changed, err := claimer.Claim(ctx, candidates)
	for _, rs := range changed {
		c.writes.Made(key, c.sets.GetStore(), rs)
	}
	return claimed, err
}

// busy says whether any pod of rs has not ended.
func (c *Controller) busy(rs *appsv1.ReplicaSet) bool {
	for _, pod := range control.ByIndex[*v1.Pod](c.pods, control.ByController, string(rs.UID)) {
		if !control.Ended(pod) {
			return true
		}
	}
	return false
}

// apply writes a plan, the ReplicaSets first.
func (c *Controller) apply(ctx context.Context, key string, d *appsv1.Deployment, sets []*appsv1.ReplicaSet, p plan) error {
	if p.again > 0 {
		c.queue.AddAfter(key, p.again)
	}
	if p.create != nil {
		if err := c.create(ctx, key, d, p); err != nil {
			return err
		}
	}
	for _, change := range p.change {
		if err := c.change(ctx, key, d, change); err != nil {
			return err
		}
	}
	for _, rs := range p.remove {
		if err := c.remove(ctx, key, rs); err != nil {
			return err
		}
	}
	if p.create != nil || len(p.change) > 0 {
		c.settle.Forget(key)
		return nil // their events bring the key back, and the status then
	}
	if (answering(sets) || c.queue.Pending(key)) && c.settle.Wait(key) {
		c.settle.Hold(ctx, c.queue, key)
		return nil
	}
	c.settle.Forget(key)
	return c.writeStatus(ctx, key, d, p)
}

// answering says whether a ReplicaSet has yet to report on its present spec.
func answering(sets []*appsv1.ReplicaSet) bool {
	for _, rs := range sets {
		if rs.Generation > rs.Status.ObservedGeneration {
			return true
		}
	}
	return false
}

// create makes the new ReplicaSet. A name that is taken by another template is a
// collision of hashes: the next sync tries with another hash.
func (c *Controller) create(ctx context.Context, key string, d *appsv1.Deployment, p plan) error {
	client := c.env.Client.AppsV1().ReplicaSets(d.Namespace)
	made, err := client.Create(ctx, p.create, metav1.CreateOptions{})
	switch {
	case apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsAlreadyExists(err):
		return c.collide(ctx, key, d, p.create)
	case err != nil:
		return c.createFailed(ctx, key, d, p, err)
	}
	c.writes.Made(key, c.sets.GetStore(), made)
	if n := *made.Spec.Replicas; n > 0 {
		c.env.Events.Eventf(d, v1.EventTypeNormal, "ScalingReplicaSet", "Scaled up replica set %s from 0 to %d", made.Name, n)
	}
	return nil
}

func (c *Controller) collide(ctx context.Context, key string, d *appsv1.Deployment, wanted *appsv1.ReplicaSet) error {
	there, err := c.env.Client.AppsV1().ReplicaSets(d.Namespace).Get(ctx, wanted.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if owner := metav1.GetControllerOfNoCopy(there); owner != nil && owner.UID == d.UID && sameTemplate(&there.Spec.Template, &d.Spec.Template) {
		c.writes.Made(key, c.sets.GetStore(), there) // ours: the cache was behind
		return nil
	}
	status := *d.Status.DeepCopy()
	collisions := int32(1)
	if status.CollisionCount != nil {
		collisions += *status.CollisionCount
	}
	status.CollisionCount = &collisions
	return c.writeStatus(ctx, key, d, plan{status: status})
}

func (c *Controller) createFailed(ctx context.Context, key string, d *appsv1.Deployment, p plan, err error) error {
	message := fmt.Sprintf("Failed to create new replica set %q: %v", p.create.Name, err)
	c.env.Events.Eventf(d, v1.EventTypeWarning, reasonCreateError, "%s", message)
	if hasDeadline(d) {
		status := *d.Status.DeepCopy()
		setCondition(&status, time.Now(), appsv1.DeploymentProgressing, v1.ConditionFalse, reasonCreateError, message)
		if statusErr := c.writeStatus(ctx, key, d, plan{status: status}); statusErr != nil {
			return fmt.Errorf("%w; and its status: %w", err, statusErr)
		}
	}
	return err
}

func (c *Controller) change(ctx context.Context, key string, d *appsv1.Deployment, ch change) error {
	fields := func(rs *appsv1.ReplicaSet) any {
		return map[string]any{
			"metadata": map[string]any{"annotations": rs.Annotations},
			"spec":     map[string]any{"replicas": rs.Spec.Replicas, "minReadySeconds": rs.Spec.MinReadySeconds},
		}
	}
	patch, err := control.MergePatch(ch.from, fields(ch.from), fields(ch.to))
	if err != nil || patch == nil {
		return err
	}
	made, err := c.env.Client.AppsV1().ReplicaSets(d.Namespace).Patch(ctx, ch.from.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	c.writes.Made(key, c.sets.GetStore(), made)
	if n := ch.growth(); n != 0 {
		direction := "up"
		if n < 0 {
			direction = "down"
		}
		c.env.Events.Eventf(d, v1.EventTypeNormal, "ScalingReplicaSet", "Scaled %s replica set %s from %d to %d",
			direction, made.Name, *ch.from.Spec.Replicas, *ch.to.Spec.Replicas)
	}
	return nil
}

func (c *Controller) remove(ctx context.Context, key string, rs *appsv1.ReplicaSet) error {
	err := c.env.Client.AppsV1().ReplicaSets(rs.Namespace).Delete(ctx, rs.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(rs.UID))})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return err
	}
	c.writes.Removed(key, c.sets.GetStore(), rs)
	return nil
}

// writeStatus writes the status and the revision annotation in one request, if
// they differ from what is stored.
func (c *Controller) writeStatus(ctx context.Context, key string, d *appsv1.Deployment, p plan) error {
	if p.current == "" && equality.Semantic.DeepEqual(d.Status, p.status) {
		return nil
	}
	next := d.DeepCopy()
	next.Status = p.status
	if p.current != "" {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, revisionAnnotation, p.current)
	}
	made, err := c.env.Client.AppsV1().Deployments(d.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
	if err != nil {
		return control.Newer(err)
	}
	c.writes.Made(key, c.deploymentStore, made)
	return nil
}
