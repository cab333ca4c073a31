package admission

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"slowmo/pkg/api/node"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// runtimeClass gives pods what their runtime class says of overhead and of the
// nodes that have that runtime.
//
// https://kubernetes.io/docs/concepts/containers/runtime-class/
type runtimeClass struct{ store *storage.Store }

// Mutate sets overhead, node selector and tolerations of new pods.
func (r *runtimeClass) Mutate(ctx context.Context, a *request.Attributes) error {
	pod, class, err := r.find(ctx, a)
	if err != nil || class == nil {
		return err
	}
	if class.Overhead != nil {
		if len(pod.Spec.Overhead) > 0 && !equality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
			return plugin.Forbid(a, errors.New("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
		}
		pod.Spec.Overhead = class.Overhead.DeepCopy().PodFixed
	}
	if class.Scheduling == nil {
		return nil
	}
	if err := selectNodes(pod, class.Scheduling.NodeSelector); err != nil {
		return plugin.Forbid(a, err)
	}
	pod.Spec.Tolerations = mergeTolerations(pod.Spec.Tolerations, class.Scheduling.Tolerations)
	return nil
}

// Validate refuses an overhead that no class gives.
func (r *runtimeClass) Validate(ctx context.Context, a *request.Attributes) error {
	pod, class, err := r.find(ctx, a)
	if err != nil || pod == nil {
		return err
	}
	switch {
	case class != nil && class.Overhead != nil:
		if !equality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
			return plugin.Forbid(a, errors.New("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
		}
	case len(pod.Spec.Overhead) > 0:
		return plugin.Forbid(a, errors.New("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"))
	}
	return nil
}

// find returns the pod that is being created and its class; nil for all other
// writes, and no class for a pod that names none.
func (r *runtimeClass) find(ctx context.Context, a *request.Attributes) (*corev1.Pod, *nodev1.RuntimeClass, error) {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !plugin.Is(a, "", "pods") || a.Operation != request.Create {
		return nil, nil, nil
	}
	if pod.Spec.RuntimeClassName == nil {
		return pod, nil, nil
	}
	if *pod.Spec.RuntimeClassName == "" {
		return nil, nil, errors.New("resource name may not be empty")
	}
	class, err := plugin.Lookup[*nodev1.RuntimeClass](ctx, r.store.Collection(node.RuntimeClass), "", *pod.Spec.RuntimeClassName)
	if apierrors.IsNotFound(err) {
		err = plugin.Forbid(a, fmt.Errorf("pod rejected: RuntimeClass %q not found", *pod.Spec.RuntimeClassName))
	}
	return pod, class, err
}

func selectNodes(pod *corev1.Pod, wanted map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if own, there := pod.Spec.NodeSelector[key]; there && own != wanted[key] {
			return fmt.Errorf("conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, wanted[key], key, own)
		}
	}
	if len(wanted) > 0 && pod.Spec.NodeSelector == nil {
		pod.Spec.NodeSelector = map[string]string{}
	}
	maps.Copy(pod.Spec.NodeSelector, wanted)
	return nil
}

// mergeTolerations returns those of both lists that no other one makes needless.
func mergeTolerations(first, second []corev1.Toleration) []corev1.Toleration {
	if len(second) == 0 {
		return first
	}
	all := slices.Concat(first, second)
	var merged []corev1.Toleration
	for i, t := range all {
		covers := func(other corev1.Toleration) bool { return toleratesAll(other, t) }
		strictly := func(other corev1.Toleration) bool { return covers(other) && !equality.Semantic.DeepEqual(other, t) }
		if !slices.ContainsFunc(merged, covers) && !slices.ContainsFunc(all[i+1:], strictly) {
			merged = append(merged, t)
		}
	}
	return merged
}

// toleratesAll says whether wide tolerates all that narrow does.
func toleratesAll(wide, narrow corev1.Toleration) bool {
	switch {
	case equality.Semantic.DeepEqual(wide, narrow):
		return true
	case wide.Key != narrow.Key && (wide.Key != "" || wide.Operator != corev1.TolerationOpExists),
		wide.Effect != narrow.Effect && wide.Effect != "":
		return false
	case wide.Effect == corev1.TaintEffectNoExecute && wide.TolerationSeconds != nil &&
		(narrow.TolerationSeconds == nil || *narrow.TolerationSeconds > *wide.TolerationSeconds):
		return false
	}
	switch wide.Operator {
	case corev1.TolerationOpExists:
		return true
	case corev1.TolerationOpEqual, "":
		return (narrow.Operator == corev1.TolerationOpEqual || narrow.Operator == "") && wide.Value == narrow.Value
	}
	return false
}
