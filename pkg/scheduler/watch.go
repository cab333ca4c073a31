package scheduler

import (
	"fmt"
	"log/slog"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"slowmo/pkg/component/cause"
	"slowmo/pkg/scheduler/core"
)

// watchAll registers the handlers that keep snapshot and queue current, and returns what says
// that all that existed at the start has passed through them.
func (s *Scheduler) watchAll(factory informers.SharedInformerFactory) ([]cache.DoneChecker, error) {
	pods := factory.InformerFor(&v1.Pod{}, func(client kubernetes.Interface, _ time.Duration) cache.SharedIndexInformer {
		index := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
		return coreinformers.NewFilteredPodInformer(client, metav1.NamespaceAll, 0, index, unfinished)
	})
	s.pods = corelisters.NewPodLister(pods.GetIndexer())
	handlers := []struct {
		informer cache.SharedIndexInformer
		handle   cache.ResourceEventHandler
	}{
		{factory.Core().V1().Namespaces().Informer(), handler(s.setNamespace, s.removeNamespace)},
		{factory.Core().V1().Nodes().Informer(), handler(s.setNode, s.removeNode)},
		{pods, handler(s.setPod, s.removePod)},
	}
	var synced []cache.DoneChecker
	for _, h := range handlers {
		if err := h.informer.SetTransform(dropManagedFields); err != nil {
			return nil, err
		}
		registration, err := h.informer.AddEventHandler(h.handle)
		if err != nil {
			return nil, err
		}
		synced = append(synced, registration.HasSyncedChecker())
	}
	return synced, nil
}

// unfinished narrows the watch on pods: finished ones take no room, and leave the informer with
// a deletion when they finish.
func unfinished(options *metav1.ListOptions) {
	options.FieldSelector = "status.phase!=" + string(v1.PodSucceeded) + ",status.phase!=" + string(v1.PodFailed)
}

// dropManagedFields halves what an object takes in memory.
func dropManagedFields(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return obj, nil
}

// handler turns an informer's events into set and remove.
func handler[T any](set, remove func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { set(obj.(T)) },
		UpdateFunc: func(_, obj any) { set(obj.(T)) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			remove(obj.(T))
		},
	}
}

func (s *Scheduler) setNamespace(ns *v1.Namespace) {
	s.mu.Lock()
	defer s.unlock()
	if s.snapshot.SetNamespace(ns.Name, ns.Labels) {
		s.happened(namespaceChanged, "", cause.Of(ns, "namespaces"))
	}
}

func (s *Scheduler) removeNamespace(ns *v1.Namespace) {
	s.mu.Lock()
	defer s.unlock()
	s.snapshot.RemoveNamespace(ns.Name)
}

func (s *Scheduler) setNode(node *v1.Node) {
	s.mu.Lock()
	defer s.unlock()
	s.nodeVersions[node.Name] = node.ResourceVersion
	if s.snapshot.SetNode(node) {
		s.happened(nodeAdded, node.Name, cause.Of(node, "nodes"))
	}
}

func (s *Scheduler) removeNode(node *v1.Node) {
	s.mu.Lock()
	defer s.unlock()
	delete(s.nodeVersions, node.Name)
	s.snapshot.RemoveNode(node.Name)
	s.happened(nodeGone, "", cause.Of(node, "nodes"))
}

func (s *Scheduler) setPod(pod *v1.Pod) {
	s.mu.Lock()
	defer s.unlock()
	because := cause.Of(pod, "pods")
	switch {
	case pod.Spec.NodeName != "":
		s.setPlaced(pod, because)
	case !s.isOurs(pod) || pod.DeletionTimestamp != nil:
		s.queue.forget(pod.UID)
	case s.snapshot.NodeOf(pod.UID) != "": // assumed; the watch is behind
	default:
		parsed, err := core.Parse(pod)
		if err != nil {
			slog.Error("Pod cannot be understood and stays pending", "pod", podName(pod), "err", err)
			return
		}
		if s.queue.set(parsed, time.Now(), because) {
			s.metrics.incoming.WithLabelValues("active", "UnscheduledPodAdd").Inc()
		}
	}
}

func (s *Scheduler) setPlaced(pod *v1.Pod, because cause.Ref) {
	s.queue.forget(pod.UID)
	was := s.snapshot.NodeOf(pod.UID)
	changed, err := s.snapshot.SetPod(pod)
	if err != nil {
		slog.Error("Pod cannot be understood and is not counted", "pod", podName(pod), "err", err)
	}
	switch {
	case was == "":
		s.happened(podPlaced, pod.Spec.NodeName, because)
	case changed:
		s.happened(podGone, pod.Spec.NodeName, because)
	}
}

func (s *Scheduler) removePod(pod *v1.Pod) {
	s.mu.Lock()
	defer s.unlock()
	s.queue.forget(pod.UID)
	s.snapshot.ClearNominated(pod.UID)
	if node := s.snapshot.NodeOf(pod.UID); node != "" {
		s.snapshot.RemovePod(pod.UID)
		s.happened(podGone, node, cause.Of(pod, "pods"))
	}
}

// isOurs tells whether the pod asks for this scheduler.
func (s *Scheduler) isOurs(pod *v1.Pod) bool { return pod.Spec.SchedulerName == s.config.SchedulerName }

func podName(pod *v1.Pod) string { return fmt.Sprintf("%s/%s", pod.Namespace, pod.Name) }
