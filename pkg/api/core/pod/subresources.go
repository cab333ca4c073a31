package pod

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// bindPod assigns a pod to a node, once: what the scheduler does.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
func bindPod(ctx context.Context, parent, body api.Object) error {
	pod, binding := parent.(*corev1.Pod), body.(*corev1.Binding)
	if errs := validateBinding(binding); len(errs) > 0 {
		return errs.ToAggregate()
	}
	if err := mayBind(pod); err != nil {
		return errors.NewConflict(schema.GroupResource{Resource: "pods/binding"}, pod.Name, err)
	}
	pod.Spec.NodeName = binding.Target.Name
	pod.Status.NominatedNodeName = ""
	pod.Annotations = merge(pod.Annotations, binding.Annotations, true)
	pod.Labels = merge(pod.Labels, binding.Labels, false)
	setPodCondition(pod, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue,
		ObservedGeneration: pod.Generation, LastTransitionTime: api.Now(ctx),
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

func validateBinding(binding *corev1.Binding) (errs field.ErrorList) {
	target := field.NewPath("target")
	if kind := binding.Target.Kind; kind != "" && kind != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), kind, []string{"Node", "<empty>"}))
	}
	if binding.Target.Name == "" {
		errs = append(errs, field.Required(target.Child("name"), ""))
	}
	return errs
}

// merge adds from to into; a key that both have takes the new value if overwrite is set.
func merge(into, from map[string]string, overwrite bool) map[string]string {
	for k, v := range from {
		if _, ok := into[k]; ok && !overwrite {
			continue
		}
		if into == nil {
			into = map[string]string{}
		}
		into[k] = v
	}
	return into
}

func setPodCondition(pod *corev1.Pod, condition corev1.PodCondition) {
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

// putPodStatus takes the status that a kubelet reports. Owner references stay
// because old kubelets would corrupt them, the class of service because it
// never changes.
func putPodStatus(_ context.Context, parent, body api.Object) error {
	pod, from := parent.(*corev1.Pod), body.(*corev1.Pod)
	owners, class, generation := pod.OwnerReferences, pod.Status.QOSClass, pod.Generation
	observed := observedGenerations(&pod.Status)

	pod.ObjectMeta, pod.Status = from.ObjectMeta, from.Status
	pod.OwnerReferences, pod.Generation = owners, generation
	if class != "" {
		pod.Status.QOSClass = class
	}
	keepObservedGenerations(&pod.Status, observed)
	return nil
}

// observedGenerations returns the generation that the status, under "", and
// each of its conditions were last seen to speak of.
func observedGenerations(status *corev1.PodStatus) map[corev1.PodConditionType]int64 {
	seen := map[corev1.PodConditionType]int64{"": status.ObservedGeneration}
	for _, c := range status.Conditions {
		seen[c.Type] = c.ObservedGeneration
	}
	return seen
}

// keepObservedGenerations restores what a client that does not know the fields left out.
func keepObservedGenerations(status *corev1.PodStatus, seen map[corev1.PodConditionType]int64) {
	if status.ObservedGeneration == 0 {
		status.ObservedGeneration = seen[""]
	}
	for i := range status.Conditions {
		if c := &status.Conditions[i]; c.ObservedGeneration == 0 {
			c.ObservedGeneration = seen[c.Type]
		}
	}
}

// wholePod is what a subresource shows that writes a part of the spec.
func wholePod(parent api.Object) (api.Object, error) { return parent, nil }

// putEphemeralContainers takes the ephemeral containers and nothing else.
func putEphemeralContainers(_ context.Context, parent, body api.Object) error {
	pod, from := parent.(*corev1.Pod), body.(*corev1.Pod)
	pod.Spec.EphemeralContainers = from.Spec.EphemeralContainers
	return nil
}

// putPodResize takes the resources of the containers that both pods have and
// nothing else.
//
// https://kep.k8s.io/1287
func putPodResize(_ context.Context, parent, body api.Object) error {
	pod, from := parent.(*corev1.Pod), body.(*corev1.Pod)
	resize := func(to, from []corev1.Container) {
		wanted := map[string]*corev1.Container{}
		for i := range from {
			wanted[from[i].Name] = &from[i]
		}
		for i := range to {
			if c, ok := wanted[to[i].Name]; ok {
				to[i].Resources, to[i].ResizePolicy = c.Resources, c.ResizePolicy
			}
		}
	}
	resize(pod.Spec.Containers, from.Spec.Containers)
	resize(pod.Spec.InitContainers, from.Spec.InitContainers)
	pod.Spec.Resources = from.Spec.Resources
	return nil
}
