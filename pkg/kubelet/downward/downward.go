// Package downward gives containers what the API knows about their pod.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
package downward

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Node is what fields say about where the pod runs.
type Node struct {
	Name            string
	HostIPs, PodIPs []string
}

// Field is the value of a fieldRef. Maps (metadata.labels) are lines key="value",
// sorted; a single entry (metadata.labels['app']) is its value, or "" if not there.
func Field(pod *v1.Pod, path string, node Node) (string, error) {
	if name, key, ok := strings.Cut(path, "['"); ok {
		key, ok = strings.CutSuffix(key, "']")
		switch {
		case !ok:
		case name == "metadata.labels":
			return pod.Labels[key], nil
		case name == "metadata.annotations":
			return pod.Annotations[key], nil
		}
		return "", fmt.Errorf("unsupported fieldPath: %v", path)
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "metadata.labels":
		return lines(pod.Labels), nil
	case "metadata.annotations":
		return lines(pod.Annotations), nil
	case "spec.nodeName":
		return node.Name, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return first(node.HostIPs), nil
	case "status.hostIPs":
		return strings.Join(node.HostIPs, ","), nil
	case "status.podIP":
		return first(node.PodIPs), nil
	case "status.podIPs":
		return strings.Join(node.PodIPs, ","), nil
	}
	return "", fmt.Errorf("unsupported fieldPath: %v", path)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func lines(m map[string]string) string {
	list := make([]string, 0, len(m))
	for k, v := range m {
		list = append(list, fmt.Sprintf("%v=%q", k, v))
	}
	sort.Strings(list)
	return strings.Join(list, "\n")
}

// Resource is the value of a resourceFieldRef of the named container: a whole
// number of divisors, rounded up. A limit that is not set is what the node has.
func Resource(pod *v1.Pod, container string, ref *v1.ResourceFieldSelector, allocatable v1.ResourceList) (string, error) {
	c := find(pod, container)
	if c == nil {
		return "", fmt.Errorf("container %s not found", container)
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	var quantity resource.Quantity
	var set bool
	switch kind {
	case "limits":
		quantity, set = c.Resources.Limits[v1.ResourceName(name)]
		if !set {
			quantity = allocatable[v1.ResourceName(name)]
		}
	case "requests":
		quantity = c.Resources.Requests[v1.ResourceName(name)]
	default:
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	// In thousandths, so that a divisor of 1m divides without rounding.
	value, unit := quantity.MilliValue(), divisor.MilliValue()
	return strconv.FormatInt((value+unit-1)/unit, 10), nil
}

func find(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
