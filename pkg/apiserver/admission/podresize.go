package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"slowmo/pkg/api/core"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// The causes of a refused resize.
const (
	nodeCapacity        metav1.CauseType = "NodeCapacity"
	unsupportedPlatform metav1.CauseType = "UnsupportedPlatform"
)

// podResize is the plugin PodResizeValidator: a running pod may only ask for
// what its node can ever give.
type podResize struct {
	plugin.Validates
	store *storage.Store
}

// Validate refuses resizes that the pod's node cannot do.
func (p *podResize) Validate(ctx context.Context, a *request.Attributes) error {
	pod, old := changedPod(a)
	if old == nil || a.Subresource != "resize" {
		return nil
	}
	node, err := nodeOf(ctx, p.store, a, pod)
	if err != nil {
		return err
	}
	if os, known := node.Labels[corev1.LabelOSStable]; known && os != "linux" {
		return caused(a, unsupportedPlatform, fmt.Errorf("pod resize is only supported on linux nodes, node %q is %q", node.Name, os))
	}
	if err := fits(pod, node.Status.Allocatable); err != nil {
		return caused(a, nodeCapacity, err)
	}
	return nil
}

// changedPod returns the pod of an update that changes the spec of one that has
// a node, and what it was; nil for other writes.
func changedPod(a *request.Attributes) (pod, old *corev1.Pod) {
	pod, ok := a.Object.(*corev1.Pod)
	old, changes := a.OldObject.(*corev1.Pod)
	if !ok || !changes || a.Operation != request.Update || pod.Spec.NodeName == "" || pod.Generation == old.Generation {
		return nil, nil
	}
	return pod, old
}

func nodeOf(ctx context.Context, store *storage.Store, a *request.Attributes, pod *corev1.Pod) (*corev1.Node, error) {
	node, err := plugin.Lookup[*corev1.Node](ctx, store.Collection(core.Node), "", pod.Spec.NodeName)
	switch {
	case apierrors.IsNotFound(err):
		return nil, plugin.Forbid(a, fmt.Errorf("node %q not found", pod.Spec.NodeName))
	case err != nil:
		return nil, plugin.Forbid(a, fmt.Errorf("failed to get node %q: %w", pod.Spec.NodeName, err))
	}
	return node, nil
}

func caused(a *request.Attributes, cause metav1.CauseType, err error) error {
	refused := plugin.Forbid(a, err)
	var status *apierrors.StatusError
	if errors.As(refused, &status) {
		status.ErrStatus.Details.Causes = append(status.ErrStatus.Details.Causes, metav1.StatusCause{Type: cause})
	}
	return refused
}

func fits(pod *corev1.Pod, allocatable corev1.ResourceList) error {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	var lacking []string
	if cpu := requests.Cpu(); cpu.Cmp(*allocatable.Cpu()) > 0 {
		lacking = append(lacking, fmt.Sprintf("cpu, requested: %d, allocatable: %d", cpu.MilliValue(), allocatable.Cpu().MilliValue()))
	}
	if memory := requests.Memory(); memory.Cmp(*allocatable.Memory()) > 0 {
		lacking = append(lacking, fmt.Sprintf("memory, requested: %d, allocatable: %d", memory.Value(), allocatable.Memory().Value()))
	}
	if len(lacking) == 0 {
		return nil
	}
	return fmt.Errorf("node didn't have enough allocatable resources: %s", strings.Join(lacking, "; "))
}
