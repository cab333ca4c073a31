package proxy

import (
	"context"
	"log/slog"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// notOurs leaves out, at the server, Services without an address and those of other proxies, and their
// slices.
const notOurs = "!" + v1.IsHeadlessService + ",!service.kubernetes.io/service-proxy-name"

// mayWatchPods asks whether we may: the role that upstream gives its proxy does not name pods, because
// there a CNI plugin makes the host ports. Without the right all else works.
func (p *Proxy) mayWatchPods(ctx context.Context) bool {
	_, err := p.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: p.ourPods(), Limit: 1})
	if apierrors.IsForbidden(err) {
		slog.Warn("Host ports of pods will not be served; allow the proxy to list and watch pods", "err", err)
		return false
	}
	return true
}

// ourPods selects the pods of our node.
func (p *Proxy) ourPods() string {
	return fields.OneTermEqualSelector("spec.nodeName", p.config.NodeName).String()
}

// watchAll prepares the watches and returns what says that all that existed at the start has passed
// through them. Pods are watched for their host ports, and only those of our node.
func (p *Proxy) watchAll(ctx context.Context) ([]informers.SharedInformerFactory, []cache.DoneChecker, error) {
	cluster := informers.NewSharedInformerFactoryWithOptions(p.client, 0,
		informers.WithTransform(dropManagedFields),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = notOurs }))
	node := informers.NewSharedInformerFactoryWithOptions(p.client, 0,
		informers.WithTransform(keepHostPorts),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = p.ourPods()
		}))
	// Apart, because notOurs is about Services.
	ranges := informers.NewSharedInformerFactoryWithOptions(p.client, 0, informers.WithTransform(dropManagedFields))
	handlers := map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		cluster.Core().V1().Services().Informer():            handler(p, (*state).setService, (*state).removeService),
		cluster.Discovery().V1().EndpointSlices().Informer(): handler(p, (*state).setSlice, (*state).removeSlice),
		ranges.Networking().V1().ServiceCIDRs().Informer():   handler(p, (*state).setRange, (*state).removeRange),
	}
	if p.mayWatchPods(ctx) {
		handlers[node.Core().V1().Pods().Informer()] = handler(p, (*state).setPod, (*state).removePod)
	}
	var synced []cache.DoneChecker
	for informer, handle := range handlers {
		registration, err := informer.AddEventHandler(handle)
		if err != nil {
			return nil, nil, err
		}
		synced = append(synced, registration.HasSyncedChecker())
	}
	return []informers.SharedInformerFactory{cluster, node, ranges}, synced, nil
}

// dropManagedFields halves what an object takes in memory.
func dropManagedFields(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return obj, nil
}

// keepHostPorts leaves of a pod what podFragment reads: of most pods nearly nothing.
func keepHostPorts(obj any) (any, error) {
	pod, ok := obj.(*v1.Pod)
	if !ok {
		return obj, nil
	}
	small := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion}}
	small.Spec.HostNetwork = pod.Spec.HostNetwork
	small.Status.Phase, small.Status.PodIP, small.Status.PodIPs = pod.Status.Phase, pod.Status.PodIP, pod.Status.PodIPs
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			for _, port := range list[i].Ports {
				if port.HostPort != 0 {
					small.Spec.Containers = append(small.Spec.Containers, v1.Container{Ports: []v1.ContainerPort{port}})
				}
			}
		}
	}
	return small, nil
}
