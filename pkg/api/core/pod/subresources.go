package pod

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/poddefaults"
)

// Bind assigns a pod to a node, once: what the scheduler does.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
func Bind(ctx context.Context, pod *corev1.Pod, binding *corev1.Binding) error {
	if err := mayBind(pod); err != nil {
		return errors.NewConflict(schema.GroupResource{Resource: "pods/binding"}, pod.Name, err)
	}
	pod.Spec.NodeName = binding.Target.Name
	pod.Status.NominatedNodeName = ""
	pod.Annotations = merge(pod.Annotations, binding.Annotations)
	poddefaults.DropInitAnnotations(pod.Annotations)
	pod.Labels = merge(pod.Labels, binding.Labels)
	SetCondition(pod, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: api.Now(ctx),
	})
	return nil
}

func mayBind(pod *corev1.Pod) error {
	switch {
	case pod.DeletionTimestamp != nil:
		return fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", pod.Name)
	case pod.Spec.NodeName != "":
		return fmt.Errorf("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName)
	case len(pod.Spec.SchedulingGates) > 0:
		return fmt.Errorf("pod %v has non-empty .spec.schedulingGates", pod.Name)
	}
	return nil
}

// ValidateBinding says what is wrong with a binding, whatever its pod is.
func ValidateBinding(binding *corev1.Binding) (errs field.ErrorList) {
	target := field.NewPath("target")
	if kind := binding.Target.Kind; kind != "" && kind != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), kind, []string{"Node", "<empty>"}))
	}
	switch {
	case binding.Target.Name == "":
		errs = append(errs, field.Required(target.Child("name"), ""))
	case binding.Target.Kind == "" || binding.Target.Kind == "Node":
		errs = append(errs, check.DNS1123Subdomain(binding.Target.Name, target.Child("name"))...)
	}
	return errs
}

// merge adds from to into; a key that both have takes the new value.
func merge(into, from map[string]string) map[string]string {
	if into == nil && len(from) > 0 {
		into = map[string]string{}
	}
	maps.Copy(into, from)
	return into
}

// SetCondition puts condition in the place of the pod's of that type, whose time stays
// if the status does.
func SetCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == condition.Type {
			if c.Status == condition.Status {
				condition.LastTransitionTime = c.LastTransitionTime
			}
			*c = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}

func podStatus() api.Subresource {
	status := api.Status(putPodStatus, validatePodStatus)
	status.Warnings = podStatusWarnings
	return status
}

// podStatusWarnings speaks of addresses that are not written as they should be.
func podStatusWarnings(_ context.Context, obj, _ api.Object) (out []string) {
	status, path := &obj.(*corev1.Pod).Status, field.NewPath("status")
	for i, ip := range status.PodIPs {
		out = append(out, validation.GetWarningsForIP(path.Child("podIPs").Index(i).Child("ip"), ip.IP)...)
	}
	for i, ip := range status.HostIPs {
		out = append(out, validation.GetWarningsForIP(path.Child("hostIPs").Index(i).Child("ip"), ip.IP)...)
	}
	return out
}

// putPodStatus takes the status that a kubelet reports. Owner references stay
// because old kubelets would corrupt them.
func putPodStatus(_ context.Context, to, from *corev1.Pod) {
	before := to.Status
	to.Status = from.Status
	from.OwnerReferences, from.Generation = to.OwnerReferences, to.Generation
	keepUnknown(&to.Status, &before)
	keepObservedGenerations(&to.Status, &before)
}

// keepUnknown restores what a client that does not know the fields left out.
func keepUnknown(status, before *corev1.PodStatus) {
	if status.QOSClass == "" {
		status.QOSClass = before.QOSClass
	}
	if status.ResourceClaimStatuses == nil {
		status.ResourceClaimStatuses = before.ResourceClaimStatuses
	}
	if status.ExtendedResourceClaimStatus == nil {
		status.ExtendedResourceClaimStatus = before.ExtendedResourceClaimStatus
	}
	// Of features that are off.
	status.NodeAllocatableResourceClaimStatuses = before.NodeAllocatableResourceClaimStatuses
	status.VolumeHealth = before.VolumeHealth
}

// keepObservedGenerations restores the generations of which the status and its
// conditions spoke. Of several conditions of one type the first is the first still.
func keepObservedGenerations(status, before *corev1.PodStatus) {
	if status.ObservedGeneration == 0 {
		status.ObservedGeneration = before.ObservedGeneration
	}
	seen := map[corev1.PodConditionType][]int64{}
	for _, c := range before.Conditions {
		seen[c.Type] = append(seen[c.Type], c.ObservedGeneration)
	}
	for i := range status.Conditions {
		c := &status.Conditions[i]
		if len(seen[c.Type]) == 0 {
			continue
		}
		if c.ObservedGeneration == 0 {
			c.ObservedGeneration = seen[c.Type][0]
		}
		seen[c.Type] = seen[c.Type][1:]
	}
}

// wholePod is what a subresource shows that writes a part of the spec.
func wholePod(parent api.Object) (api.Object, error) { return parent, nil }
