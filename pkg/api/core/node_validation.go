package core

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"slowmo/pkg/api"
	"slowmo/pkg/api/check"
	"slowmo/pkg/api/core/resources"
)

func validateNode(obj api.Object) field.ErrorList {
	node, meta, status := obj.(*corev1.Node), field.NewPath("metadata"), field.NewPath("status")
	errs := validateNodeAnnotations(node.Annotations, meta.Child("annotations"))
	errs = append(errs, validateTaints(node.Spec.Taints, meta.Child("taints"))...)
	errs = append(errs, validateNodeResources(node, status)...)
	if swap := node.Status.NodeInfo.Swap; swap != nil && swap.Capacity != nil && *swap.Capacity <= 0 {
		errs = append(errs, field.Invalid(meta.Child("nodeSwapStatus", "capacity"), *swap.Capacity, "must be greater than zero"))
	}
	errs = append(errs, validateFeatures(node.Status.DeclaredFeatures, status.Child("declaredFeatures"))...)
	return append(errs, validateNodeCIDRs(node.Spec.PodCIDRs, field.NewPath("spec", "podCIDRs"))...)
}

// validateNodeAnnotations checks what was an annotation before it was a field,
// or was to become one.
func validateNodeAnnotations(annotations map[string]string, path *field.Path) (errs field.ErrorList) {
	if text := annotations[corev1.TaintsAnnotationKey]; text != "" {
		var taints []corev1.Taint
		if err := json.Unmarshal([]byte(text), &taints); err != nil {
			errs = append(errs, field.Invalid(path, corev1.TaintsAnnotationKey, err.Error()))
		}
		errs = append(errs, validateTaints(taints, path.Child(corev1.TaintsAnnotationKey))...)
	}
	text := annotations[corev1.PreferAvoidPodsAnnotationKey]
	if text == "" {
		return errs
	}
	var avoid corev1.AvoidPods
	if err := json.Unmarshal([]byte(text), &avoid); err != nil {
		return append(errs, field.Invalid(path.Child("AvoidPods"), corev1.PreferAvoidPodsAnnotationKey, err.Error()))
	}
	for i, entry := range avoid.PreferAvoidPods {
		at := path.Child(corev1.PreferAvoidPodsAnnotationKey).Index(i).Child("PodSignature")
		switch owner := entry.PodSignature.PodController; {
		case owner == nil:
			errs = append(errs, field.Required(at, ""))
		case owner.Controller == nil || !*owner.Controller:
			errs = append(errs, field.Invalid(at.Child("PodController", "Controller"), false, "must point to a controller"))
		}
	}
	return errs
}

func validateTaints(taints []corev1.Taint, path *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.Taint]()
	for i, taint := range taints {
		path := path.Index(i)
		errs = append(errs, metav1validation.ValidateLabelName(taint.Key, path.Child("key"))...)
		if msgs := validation.IsValidLabelValue(taint.Value); len(msgs) > 0 {
			errs = append(errs, field.Invalid(path.Child("value"), taint.Value, strings.Join(msgs, ";")))
		}
		errs = append(errs, check.TaintEffect(taint.Effect, false, path.Child("effect"))...)
		key := corev1.Taint{Key: taint.Key, Effect: taint.Effect}
		if seen.Has(key) {
			duplicate := field.Duplicate(path, api.Internal(taint))
			duplicate.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, duplicate)
		}
		seen.Insert(key)
	}
	return errs
}

func validateNodeCIDRs(cidrs []string, path *field.Path) (errs field.ErrorList) {
	for i, cidr := range cidrs {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Index(i), cidr, true, nil)...)
	}
	if len(cidrs) < 2 {
		return errs
	}
	dual, err := netutils.IsDualStackCIDRStrings(cidrs)
	if err != nil {
		errs = append(errs, field.InternalError(path, fmt.Errorf("invalid PodCIDRs. failed to check with dual stack with error:%w", err)))
	}
	if !dual || len(cidrs) > 2 {
		errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

// validateNodeResources checks amounts. Like upstream it shows their names as if
// they were fields.
func validateNodeResources(node *corev1.Node, path *field.Path) (errs field.ErrorList) {
	for _, list := range []struct {
		name    string
		amounts corev1.ResourceList
	}{{"capacity", node.Status.Capacity}, {"allocatable", node.Status.Allocatable}} {
		for _, name := range resources.Names(list.amounts) {
			errs = append(errs, resources.ValidateQuantity(name, list.amounts[name], path.Child(list.name, string(name)))...)
		}
	}
	return errs
}

var featureName = regexp.MustCompile(`^[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*$`)

// validateFeatures checks what a kubelet says that it can do.
//
// https://kep.k8s.io/5328
func validateFeatures(features []string, path *field.Path) (errs field.ErrorList) {
	const longest = validation.DNS1123SubdomainMaxLength
	for i, name := range features {
		if len(name) > longest {
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("invalid feature name %q: must be no more than %d characters", name, longest)))
		} else if !featureName.MatchString(name) {
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("invalid feature name %q: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes", name)))
		}
		if i+1 == len(features) {
			break
		}
		switch next := features[i+1]; {
		case name == next:
			errs = append(errs, field.Duplicate(path.Index(i+1), next))
		case name > next:
			errs = append(errs, field.Invalid(path.Index(i+1), next, "list must be sorted alphabetically"))
		}
	}
	return errs
}

// validateNodeChange allows a node's networks and provider to be set once. It
// is also what holds for a change of the status.
func validateNodeChange(obj, old api.Object) field.ErrorList {
	node, before := obj.(*corev1.Node), old.(*corev1.Node)
	spec, status := field.NewPath("spec"), field.NewPath("status")
	errs := validateNodeAnnotations(node.Annotations, field.NewPath("metadata", "annotations"))
	errs = append(errs, validateNodeResources(node, status)...)
	errs = append(errs, validateFeatures(node.Status.DeclaredFeatures, status.Child("declaredFeatures"))...)

	addresses := sets.New[corev1.NodeAddress]()
	for i, address := range node.Status.Addresses {
		if addresses.Has(address) {
			errs = append(errs, field.Duplicate(status.Child("addresses").Index(i), api.Internal(address)))
		}
		addresses.Insert(address)
	}
	errs = append(errs, validateCIDRChange(node.Spec.PodCIDRs, before.Spec.PodCIDRs, spec.Child("podCIDRs"))...)
	if was, is := before.Spec.ProviderID, node.Spec.ProviderID; was != "" && was != is {
		why := "field cannot be modified once set"
		if is == "" {
			why = "field cannot be cleared once set"
		}
		errs = append(errs, field.Invalid(spec.Child("providerID"), nil, why))
	}
	errs = append(errs, validateConfig(node, spec, status)...)
	errs = append(errs, validateTaints(node.Spec.Taints, field.NewPath("metadata", "taints"))...)
	if node.Spec.DoNotUseExternalID != before.Spec.DoNotUseExternalID {
		errs = append(errs, field.Forbidden(spec.Child("externalID"), "may not be updated"))
	}
	return errs
}

// validateCIDRChange says so once for each range that is another than before.
func validateCIDRChange(now, before []string, path *field.Path) (errs field.ErrorList) {
	forbidden := field.Forbidden(path, "node updates may not change podCIDR except from \"\" to valid")
	switch {
	case len(before) == 0 || slices.Equal(now, before):
	case len(now) != len(before):
		errs = append(errs, forbidden)
	default:
		for i := range before {
			if now[i] != before[i] {
				errs = append(errs, forbidden)
			}
		}
	}
	return errs
}

// validateConfig checks where a kubelet's configuration once came from.
func validateConfig(node *corev1.Node, spec, status *field.Path) (errs field.ErrorList) {
	if source := node.Spec.ConfigSource; source != nil {
		errs = append(errs, validateConfigSource(source, true, spec.Child("configSource"))...)
	}
	config, at := node.Status.Config, status.Child("config")
	if config == nil {
		return errs
	}
	for _, s := range []struct {
		name   string
		source *corev1.NodeConfigSource
	}{{"assigned", config.Assigned}, {"active", config.Active}, {"lastKnownGood", config.LastKnownGood}} {
		if s.source != nil {
			errs = append(errs, validateConfigSource(s.source, false, at.Child(s.name))...)
		}
	}
	return errs
}

// validateConfigSource checks a reference to a key of a ConfigMap, in the spec to
// any revision of it and in the status to one.
func validateConfigSource(source *corev1.NodeConfigSource, inSpec bool, path *field.Path) (errs field.ErrorList) {
	ref := source.ConfigMap
	if ref == nil {
		return field.ErrorList{field.Invalid(path, api.Internal(source), "exactly one reference subfield must be non-nil")}
	}
	path = path.Child("configMap")
	for _, f := range []struct{ name, value string }{{"uid", string(ref.UID)}, {"resourceVersion", ref.ResourceVersion}} {
		if inSpec && f.value != "" {
			errs = append(errs, field.Forbidden(path.Child(f.name), f.name+" must not be set in spec"))
		} else if !inSpec && f.value == "" {
			errs = append(errs, field.Required(path.Child(f.name), ""))
		}
	}
	for _, f := range []struct {
		name, value string
		problems    func(string) []string
	}{
		{"namespace", ref.Namespace, validation.IsDNS1123Label}, {"name", ref.Name, validation.IsDNS1123Subdomain},
		{"kubeletConfigKey", ref.KubeletConfigKey, validation.IsConfigMapKey},
	} {
		if f.value == "" {
			errs = append(errs, field.Required(path.Child(f.name), ""))
		} else {
			errs = append(errs, check.Text(f.value, path.Child(f.name), f.problems)...)
		}
	}
	return errs
}
