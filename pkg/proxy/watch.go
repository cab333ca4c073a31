package proxy

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// notOurs leaves out, at the server, Services without an address and those of other proxies, and their
// slices.
const notOurs = "!" + v1.IsHeadlessService + ",!service.kubernetes.io/service-proxy-name"

// watchAll prepares the watches and returns what says that all that existed at the start has passed
// through them. Pods are watched for their host ports, and only those of our node.
func (p *Proxy) watchAll() ([]informers.SharedInformerFactory, []cache.DoneChecker, error) {
	cluster := informers.NewSharedInformerFactoryWithOptions(p.client, 0,
		informers.WithTransform(dropManagedFields),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = notOurs }))
	node := informers.NewSharedInformerFactoryWithOptions(p.client, 0,
		informers.WithTransform(keepHostPorts),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", p.config.NodeName).String()
		}))
	var synced []cache.DoneChecker
	services, slices, pods := p.handlers()
	for _, h := range []struct {
		informer cache.SharedIndexInformer
		handle   cache.ResourceEventHandler
	}{
		{cluster.Core().V1().Services().Informer(), services},
		{cluster.Discovery().V1().EndpointSlices().Informer(), slices},
		{node.Core().V1().Pods().Informer(), pods},
	} {
		registration, err := h.informer.AddEventHandler(h.handle)
		if err != nil {
			return nil, nil, err
		}
		synced = append(synced, registration.HasSyncedChecker())
	}
	return []informers.SharedInformerFactory{cluster, node}, synced, nil
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
