package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	resourcehelper "k8s.io/component-helpers/resource"
)

var (
	one  = *resource.NewQuantity(1, resource.DecimalSI)
	zero = *resource.NewQuantity(0, resource.DecimalSI)
)

// pods counts pods and what their containers ask for.
var pods = &Evaluator{
	Usage:  func(obj runtime.Object) corev1.ResourceList { return podUsage(obj.(*corev1.Pod), time.Now()) },
	Counts: countsForPods,
	InScope: func(obj runtime.Object, s corev1.ScopedResourceSelectorRequirement) bool {
		return podInScope(obj.(*corev1.Pod), s)
	},
	Missing: func(obj runtime.Object, limited []corev1.ResourceName) error {
		return missingFrom(obj.(*corev1.Pod), limited)
	},
}

var countPods = countName(schema.GroupResource{Resource: "pods"})

func countsForPods(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, countPods,
		corev1.ResourceCPU, corev1.ResourceRequestsCPU, corev1.ResourceLimitsCPU,
		corev1.ResourceMemory, corev1.ResourceRequestsMemory, corev1.ResourceLimitsMemory,
		corev1.ResourceEphemeralStorage, corev1.ResourceRequestsEphemeralStorage, corev1.ResourceLimitsEphemeralStorage:
		return true
	}
	if strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix) {
		return true
	}
	plain, requests := strings.CutPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
	return requests && isExtended(corev1.ResourceName(plain))
}

// isExtended says whether a resource is of somebody's own domain, as
// example.com/gpu.
func isExtended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// podUsage counts the object for as long as it is stored, and what it asks for
// until it has ended.
func podUsage(pod *corev1.Pod, now time.Time) corev1.ResourceList {
	used := corev1.ResourceList{countPods: one}
	if ended(pod, now) {
		return used
	}
	used[corev1.ResourcePods] = one
	// While a pod shrinks, it is charged for what it still has.
	options := resourcehelper.PodResourcesOptions{UseStatusResources: true}
	maps.Copy(used, computeUsage(resourcehelper.PodRequests(pod, options), resourcehelper.PodLimits(pod, options)))
	return used
}

// ended: a pod that should have gone by now is on a node that does not answer,
// and does not count.
func ended(pod *corev1.Pod, now time.Time) bool {
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return true
	}
	if pod.DeletionTimestamp == nil || pod.DeletionGracePeriodSeconds == nil {
		return false
	}
	grace := time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	return now.After(pod.DeletionTimestamp.Add(grace))
}

// computeUsage gives requests and limits the names that quotas have for them.
func computeUsage(requests, limits corev1.ResourceList) corev1.ResourceList {
	used := corev1.ResourceList{}
	for name, quantity := range requests {
		asked := corev1.DefaultResourceRequestsPrefix + name
		switch {
		case name == corev1.ResourceCPU, name == corev1.ResourceMemory, name == corev1.ResourceEphemeralStorage,
			strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			used[name], used[asked] = quantity, quantity
		case isExtended(name):
			used[asked] = quantity
		}
	}
	for name, quantity := range limits {
		switch name {
		case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
			used["limits."+name] = quantity
		}
	}
	return used
}

// missingFrom wants each container to say how much cpu and memory it needs
// where that is limited. The pod as a whole may say it instead.
func missingFrom(pod *corev1.Pod, limited []corev1.ResourceName) error {
	var whole corev1.ResourceList
	if own := pod.Spec.Resources; own != nil {
		whole = computeUsage(own.Requests, own.Limits)
	}
	var missing []string
	for _, name := range limited {
		if _, there := whole[name]; there || !demanded(name) {
			continue
		}
		var without []string
		for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
			if _, there := computeUsage(c.Resources.Requests, c.Resources.Limits)[name]; !there {
				without = append(without, c.Name)
			}
		}
		if len(without) > 0 {
			slices.Sort(without)
			missing = append(missing, fmt.Sprintf("%s for: %s", name, strings.Join(without, ",")))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("must specify %s", strings.Join(missing, "; "))
}

func demanded(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourceCPU, corev1.ResourceRequestsCPU, corev1.ResourceLimitsCPU,
		corev1.ResourceMemory, corev1.ResourceRequestsMemory, corev1.ResourceLimitsMemory:
		return true
	}
	return false
}

func podInScope(pod *corev1.Pod, scope corev1.ScopedResourceSelectorRequirement) bool {
	switch scope.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return pod.Spec.ActiveDeadlineSeconds != nil
	case corev1.ResourceQuotaScopeNotTerminating:
		return pod.Spec.ActiveDeadlineSeconds == nil
	case corev1.ResourceQuotaScopeBestEffort:
		return isBestEffort(pod)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !isBestEffort(pod)
	case corev1.ResourceQuotaScopePriorityClass:
		return valueInScope(pod.Spec.PriorityClassName, scope)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return looksAcross(pod)
	}
	return false
}

// isBestEffort: nothing in the pod asks for cpu or memory.
func isBestEffort(pod *corev1.Pod) bool {
	asks := func(r *corev1.ResourceRequirements) bool {
		for _, list := range []corev1.ResourceList{r.Requests, r.Limits} {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				if quantity := list[name]; quantity.Sign() > 0 {
					return true
				}
			}
		}
		return false
	}
	if pod.Spec.Resources != nil && asks(pod.Spec.Resources) {
		return false
	}
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		if asks(&c.Resources) {
			return false
		}
	}
	return true
}

// looksAcross says whether an affinity term of the pod is about pods of other
// namespaces.
func looksAcross(pod *corev1.Pod) bool {
	var terms []corev1.PodAffinityTerm
	add := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		terms = append(terms, required...)
		for _, weighted := range preferred {
			terms = append(terms, weighted.PodAffinityTerm)
		}
	}
	if affinity := pod.Spec.Affinity; affinity != nil {
		if near := affinity.PodAffinity; near != nil {
			add(near.RequiredDuringSchedulingIgnoredDuringExecution, near.PreferredDuringSchedulingIgnoredDuringExecution)
		}
		if far := affinity.PodAntiAffinity; far != nil {
			add(far.RequiredDuringSchedulingIgnoredDuringExecution, far.PreferredDuringSchedulingIgnoredDuringExecution)
		}
	}
	return slices.ContainsFunc(terms, func(t corev1.PodAffinityTerm) bool {
		return len(t.Namespaces) > 0 || t.NamespaceSelector != nil
	})
}
