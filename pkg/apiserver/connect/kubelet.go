package connect

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api/core"
)

// kubeletPort is where kubelets listen that do not say otherwise.
const kubeletPort = 10250

// addressTypes are the addresses of a node that are tried, best first. A
// node's name comes last: it need not be known to DNS.
var addressTypes = []corev1.NodeAddressType{
	corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeInternalDNS, corev1.NodeExternalDNS, corev1.NodeHostName,
}

// kubeletOf returns host:port of the node's kubelet.
func (k *connectors) kubeletOf(ctx context.Context, name string) (string, error) {
	node, err := find[*corev1.Node](ctx, k.Store, core.Node, "", name)
	if err != nil {
		return "", err
	}
	port := node.Status.DaemonEndpoints.KubeletEndpoint.Port
	if port == 0 {
		port = kubeletPort
	}
	for _, kind := range addressTypes {
		for _, address := range node.Status.Addresses {
			if address.Type == kind && address.Address != "" {
				return net.JoinHostPort(address.Address, strconv.Itoa(int(port))), nil
			}
		}
	}
	return "", fmt.Errorf("no preferred addresses found; known addresses: %v", node.Status.Addresses)
}

// onKubelet is where the pod's kubelet serves something about it.
func (k *connectors) onKubelet(ctx context.Context, pod *corev1.Pod, query url.Values, path ...string) (*url.URL, error) {
	host, err := k.kubeletOf(ctx, pod.Spec.NodeName)
	if apierrors.IsNotFound(err) { // upstream names the resource that was asked for
		err = apierrors.NewNotFound(core.Pod.GroupResource(), pod.Spec.NodeName)
	}
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "https", Host: host, Path: "/" + strings.Join(path, "/"), RawQuery: query.Encode()}, nil
}

// pod returns the pod that a request is about.
func (k *connectors) pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	return find[*corev1.Pod](ctx, k.Store, core.Pod, namespace, name)
}

// bound checks that the pod has a node.
func bound(pod *corev1.Pod) error {
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return nil
}

// containerOf returns the container asked for, or the only one there is.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	names := containerNames(&pod.Spec)
	switch {
	case name != "" && !slices.Contains(names, name):
		return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
	case name != "":
		return name, nil
	case len(pod.Spec.Containers) == 0:
		return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s", pod.Name))
	case len(pod.Spec.Containers) == 1:
		return pod.Spec.Containers[0].Name, nil
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s, choose one of: %s", pod.Name, names))
}

// containerNames are those of all containers, in the order in which they start.
func containerNames(spec *corev1.PodSpec) (names []string) {
	for i := range spec.InitContainers {
		names = append(names, spec.InitContainers[i].Name)
	}
	for i := range spec.Containers {
		names = append(names, spec.Containers[i].Name)
	}
	for i := range spec.EphemeralContainers {
		names = append(names, spec.EphemeralContainers[i].Name)
	}
	return names
}
