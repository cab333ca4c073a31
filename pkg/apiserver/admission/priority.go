package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"slowmo/pkg/api/scheduling"
	"slowmo/pkg/apiserver/admission/plugin"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// systemClass begins the names of the classes that the server itself makes.
// None of them is the default.
const systemClass = "system-"

var systemClasses = []string{"system-cluster-critical", "system-node-critical"}

// priority turns a pod's priority class into the number that the scheduler
// goes by, and sees to it that there is one default class at most.
type priority struct{ store *storage.Store }

// Mutate sets priority and preemption policy of new pods.
func (p *priority) Mutate(ctx context.Context, a *request.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !plugin.Is(a, "", "pods") {
		return nil
	}
	if a.Operation == request.Update {
		// A client that does not know the fields must be able to write the pod back.
		if old, ok := a.OldObject.(*corev1.Pod); ok {
			if pod.Spec.Priority == nil {
				pod.Spec.Priority = old.Spec.Priority
			}
			if pod.Spec.PreemptionPolicy == nil {
				pod.Spec.PreemptionPolicy = old.Spec.PreemptionPolicy
			}
		}
		return nil
	}
	if a.Operation != request.Create {
		return nil
	}
	class, err := p.classOf(ctx, a, pod.Spec.PriorityClassName)
	if err != nil {
		return err
	}
	return setPriority(a, pod, class)
}

func setPriority(a *request.Attributes, pod *corev1.Pod, class *schedulingv1.PriorityClass) error {
	if pod.Spec.Priority != nil && *pod.Spec.Priority != class.Value {
		return plugin.Forbid(a, fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name",
			*pod.Spec.Priority, class.Value))
	}
	policy := ptr.Deref(class.PreemptionPolicy, corev1.PreemptLowerPriority)
	if pod.Spec.PreemptionPolicy != nil && *pod.Spec.PreemptionPolicy != policy {
		return plugin.Forbid(a, fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name",
			*pod.Spec.PreemptionPolicy, policy))
	}
	pod.Spec.PriorityClassName = class.Name
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = &class.Value, &policy
	return nil
}

// classOf returns the class of that name, or the default one, which is a class
// of value zero and no name when none is marked.
func (p *priority) classOf(ctx context.Context, a *request.Attributes, name string) (*schedulingv1.PriorityClass, error) {
	if name != "" {
		class, err := plugin.Lookup[*schedulingv1.PriorityClass](ctx, p.store.Collection(scheduling.PriorityClass), "", name)
		if apierrors.IsNotFound(err) {
			return nil, plugin.Forbid(a, fmt.Errorf("no PriorityClass with name %v was found", name))
		}
		return class, err
	}
	class, err := p.defaultClass(ctx)
	if class == nil {
		class = &schedulingv1.PriorityClass{}
	}
	return class, err
}

// defaultClass returns the class marked globalDefault, the lowest if there are
// several, nil if there is none.
func (p *priority) defaultClass(ctx context.Context) (*schedulingv1.PriorityClass, error) {
	page, err := p.store.Collection(scheduling.PriorityClass).List(ctx, storage.ListOptions{Match: storage.MatchAny})
	if err != nil {
		return nil, err
	}
	var found *schedulingv1.PriorityClass
	for _, record := range page.Records {
		if strings.HasPrefix(record.Name, systemClass) {
			continue
		}
		obj, err := record.Object()
		if err != nil {
			return nil, err
		}
		class := obj.(*schedulingv1.PriorityClass)
		if class.GlobalDefault && (found == nil || class.Value < found.Value) {
			found = class
		}
	}
	return found, nil
}

// Validate refuses a second default class, and that a class of the system goes.
func (p *priority) Validate(ctx context.Context, a *request.Attributes) error {
	if a.Operation == request.Delete && plugin.Is(a, schedulingv1.GroupName, "priorityclasses") && slices.Contains(systemClasses, a.Name) {
		return plugin.Forbid(a, errors.New("this is a system priority class and cannot be deleted"))
	}
	class, ok := a.Object.(*schedulingv1.PriorityClass)
	if !ok || !class.GlobalDefault || a.Operation != request.Create && a.Operation != request.Update {
		return nil
	}
	present, err := p.defaultClass(ctx)
	if err != nil {
		return err
	}
	if present != nil && (a.Operation == request.Create || present.Name != class.Name) {
		return plugin.Forbid(a, fmt.Errorf("PriorityClass %v is already marked as default. Only one default can exist", present.Name))
	}
	return nil
}
