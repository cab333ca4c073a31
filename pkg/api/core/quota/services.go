package quota

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

// services counts services, the node ports that they take, and the load balancers.
var services = &Evaluator{
	Usage: func(obj runtime.Object) corev1.ResourceList { return serviceUsage(obj.(*corev1.Service)) },
	Counts: func(name corev1.ResourceName) bool {
		switch name {
		case corev1.ResourceServices, corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers, countServices:
			return true
		}
		return false
	},
	OnUpdate: true,
}

var countServices = countName(schema.GroupResource{Resource: "services"})

func serviceUsage(service *corev1.Service) corev1.ResourceList {
	used := corev1.ResourceList{
		corev1.ResourceServices:              one,
		countServices:                        one,
		corev1.ResourceServicesNodePorts:     zero,
		corev1.ResourceServicesLoadBalancers: zero,
	}
	ports := int64(len(service.Spec.Ports))
	switch service.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		used[corev1.ResourceServicesLoadBalancers] = one
		if !ptr.Deref(service.Spec.AllocateLoadBalancerNodePorts, true) {
			ports = chosenPorts(service)
		}
	case corev1.ServiceTypeNodePort:
	default:
		return used
	}
	used[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(ports, resource.DecimalSI)
	return used
}

// chosenPorts counts the ports that have a node port although none are given out.
func chosenPorts(service *corev1.Service) (n int64) {
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].NodePort != 0 {
			n++
		}
	}
	return n
}
