package core

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

func validateNode(obj api.Object) field.ErrorList {
	node := obj.(*corev1.Node)
	errs := validateTaints(node.Spec.Taints, field.NewPath("metadata", "taints"))
	errs = append(errs, validateNodeCIDRs(node.Spec.PodCIDRs, field.NewPath("spec", "podCIDRs"))...)
	errs = append(errs, validateNodeResources(node.Status.Capacity, field.NewPath("status", "capacity"))...)
	return append(errs, validateNodeResources(node.Status.Allocatable, field.NewPath("status", "allocatable"))...)
}

func validateTaints(taints []corev1.Taint, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.Taint]()
	for i, taint := range taints {
		path := path.Index(i)
		errs = append(errs, metav1validation.ValidateLabelName(taint.Key, path.Child("key"))...)
		for _, msg := range validation.IsValidLabelValue(taint.Value) {
			errs = append(errs, field.Invalid(path.Child("value"), taint.Value, msg))
		}
		errs = append(errs, check.TaintEffect(taint.Effect, false, path.Child("effect"))...)
		key := corev1.Taint{Key: taint.Key, Effect: taint.Effect}
		if seen.Has(key) {
			duplicate := field.Duplicate(path, taint)
			duplicate.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, duplicate)
		}
		seen.Insert(key)
	}
	return errs
}

func validateNodeCIDRs(cidrs []string, path *field.Path) (errs field.ErrorList) {
	for i, cidr := range cidrs {
		errs = append(errs, validation.IsValidCIDR(path.Index(i), cidr)...)
	}
	if len(cidrs) > 1 && !isDualStack(cidrs) {
		errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one CIDR for each IP family"))
	}
	seen := sets.New[string]()
	for i, cidr := range cidrs {
		if seen.Has(cidr) {
			errs = append(errs, field.Duplicate(path.Index(i), cidr))
		}
		seen.Insert(cidr)
	}
	return errs
}

func isDualStack(cidrs []string) bool {
	families := map[bool]int{}
	for _, cidr := range cidrs {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			families[prefix.Addr().Is4()]++
		}
	}
	return len(cidrs) == 2 && families[true] == 1 && families[false] == 1
}

func validateNodeResources(list corev1.ResourceList, path *field.Path) (errs field.ErrorList) {
	for _, name := range resources.Names(list) {
		quantity := list[name]
		path := path.Key(string(name))
		if quantity.Cmp(apiresource.Quantity{}) < 0 {
			errs = append(errs, field.Invalid(path, quantity.String(), "must be greater than or equal to 0"))
		}
		if resources.IsInteger(name) && quantity.MilliValue()%1000 != 0 {
			errs = append(errs, field.Invalid(path, quantity.String(), "must be an integer"))
		}
	}
	return errs
}

// validateNodeUpdate allows a node's networks and provider to be set once and
// its taints and schedulability to change; all else of the spec stays.
func validateNodeUpdate(obj, old api.Object) (errs field.ErrorList) {
	node, before := obj.(*corev1.Node), old.(*corev1.Node)
	spec := field.NewPath("spec")
	errs = append(errs, validateNodeResources(node.Status.Capacity, field.NewPath("status", "capacity"))...)
	errs = append(errs, validateNodeResources(node.Status.Allocatable, field.NewPath("status", "allocatable"))...)

	addresses := sets.New[corev1.NodeAddress]()
	for i, address := range node.Status.Addresses {
		if addresses.Has(address) {
			errs = append(errs, field.Duplicate(field.NewPath("status", "addresses").Index(i), address))
		}
		addresses.Insert(address)
	}
	if len(before.Spec.PodCIDRs) > 0 && !equality.Semantic.DeepEqual(before.Spec.PodCIDRs, node.Spec.PodCIDRs) {
		errs = append(errs, field.Forbidden(spec.Child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
	}
	if before.Spec.ProviderID != "" && before.Spec.ProviderID != node.Spec.ProviderID {
		errs = append(errs, field.Forbidden(spec.Child("providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	errs = append(errs, validateTaints(node.Spec.Taints, field.NewPath("metadata", "taints"))...)
	errs = append(errs, validateNodeCIDRs(node.Spec.PodCIDRs, spec.Child("podCIDRs"))...)

	allowed := before.Spec
	allowed.PodCIDR, allowed.PodCIDRs, allowed.ProviderID = node.Spec.PodCIDR, node.Spec.PodCIDRs, node.Spec.ProviderID
	allowed.Taints, allowed.Unschedulable = node.Spec.Taints, node.Spec.Unschedulable
	if !equality.Semantic.DeepEqual(allowed, node.Spec) {
		errs = append(errs, field.Forbidden(field.NewPath(""), "node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)"))
	}
	return errs
}
