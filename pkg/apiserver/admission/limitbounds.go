package admission

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	resourcehelper "k8s.io/component-helpers/resource"
)

// checkPod holds each container, and the pod as a whole, against the bounds.
func checkPod(pod *corev1.Pod, limits *corev1.LimitRange) error {
	var problems []error
	for i := range limits.Spec.Limits {
		item := &limits.Spec.Limits[i]
		switch item.Type {
		case corev1.LimitTypeContainer:
			for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
				problems = append(problems, checkBounds(item, c.Resources.Requests, c.Resources.Limits)...)
			}
		case corev1.LimitTypePod:
			own := resourcehelper.PodResourcesOptions{ExcludeOverhead: true}
			problems = append(problems, checkBounds(item, resourcehelper.PodRequests(pod, own), resourcehelper.PodLimits(pod, own))...)
		}
	}
	return utilerrors.NewAggregate(problems)
}

// checkClaim holds what a claim asks for against the bounds; its limits mean nothing.
func checkClaim(claim *corev1.PersistentVolumeClaim, limits *corev1.LimitRange) error {
	var problems []error
	asked := claim.Spec.Resources.Requests
	for i := range limits.Spec.Limits {
		item := &limits.Spec.Limits[i]
		if item.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(item.Min)) {
			problems = append(problems, bound{item, name, item.Min[name]}.least(asked, nil))
		}
		for _, name := range slices.Sorted(maps.Keys(item.Max)) {
			problems = append(problems, bound{item, name, item.Max[name]}.mostRequested(asked))
		}
	}
	return utilerrors.NewAggregate(problems)
}

func checkBounds(item *corev1.LimitRangeItem, requests, limits corev1.ResourceList) (problems []error) {
	for _, name := range slices.Sorted(maps.Keys(item.Min)) {
		problems = append(problems, bound{item, name, item.Min[name]}.least(requests, limits))
	}
	for _, name := range slices.Sorted(maps.Keys(item.Max)) {
		problems = append(problems, bound{item, name, item.Max[name]}.most(requests, limits))
	}
	for _, name := range slices.Sorted(maps.Keys(item.MaxLimitRequestRatio)) {
		problems = append(problems, bound{item, name, item.MaxLimitRequestRatio[name]}.ratio(requests, limits))
	}
	return problems
}

// bound is one number of a LimitRange. Its methods return what breaks it, or nil.
type bound struct {
	item *corev1.LimitRangeItem
	name corev1.ResourceName
	at   resource.Quantity
}

func (b bound) least(requests, limits corev1.ResourceList) error {
	asked, requested := requests[b.name]
	limit, limited := limits[b.name]
	switch {
	case !requested:
		return fmt.Errorf("minimum %s usage per %s is %s.  No request is specified", b.name, b.item.Type, b.at.String())
	case asked.Cmp(b.at) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but request is %s", b.name, b.item.Type, b.at.String(), asked.String())
	case limited && limit.Cmp(b.at) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but limit is %s", b.name, b.item.Type, b.at.String(), limit.String())
	}
	return nil
}

func (b bound) most(requests, limits corev1.ResourceList) error {
	asked, requested := requests[b.name]
	limit, limited := limits[b.name]
	switch {
	case !limited:
		return fmt.Errorf("maximum %s usage per %s is %s.  No limit is specified", b.name, b.item.Type, b.at.String())
	case limit.Cmp(b.at) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but limit is %s", b.name, b.item.Type, b.at.String(), limit.String())
	case requested && asked.Cmp(b.at) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", b.name, b.item.Type, b.at.String(), asked.String())
	}
	return nil
}

func (b bound) mostRequested(requests corev1.ResourceList) error {
	asked, requested := requests[b.name]
	switch {
	case !requested:
		return fmt.Errorf("maximum %s usage per %s is %s.  No request is specified", b.name, b.item.Type, b.at.String())
	case asked.Cmp(b.at) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", b.name, b.item.Type, b.at.String(), asked.String())
	}
	return nil
}

func (b bound) ratio(requests, limits corev1.ResourceList) error {
	asked, limit := requests[b.name], limits[b.name]
	switch {
	case asked.IsZero():
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no request is specified or request is 0", b.name, b.item.Type, b.at.String())
	case limit.IsZero():
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", b.name, b.item.Type, b.at.String())
	}
	if given := limit.AsApproximateFloat64() / asked.AsApproximateFloat64(); given > b.at.AsApproximateFloat64() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but provided ratio is %f", b.name, b.item.Type, b.at.String(), given)
	}
	return nil
}
