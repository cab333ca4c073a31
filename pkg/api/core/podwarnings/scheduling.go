package podwarnings

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

const matchesNothing = "%s: a null labelSelector results in matching no pod"

// labelWarnings finds old labels of nodes where a pod chooses its node by labels.
func labelWarnings(spec *corev1.PodSpec, path *field.Path) (out []string) {
	for _, key := range slices.Sorted(maps.Keys(spec.NodeSelector)) {
		if message, deprecated := api.DeprecatedNodeLabel(key); deprecated {
			out = append(out, fmt.Sprintf("%s: %s", path.Child("nodeSelector").Key(key), message))
		}
	}
	if spec.Affinity != nil && spec.Affinity.NodeAffinity != nil {
		n, at := spec.Affinity.NodeAffinity, path.Child("affinity", "nodeAffinity")
		if required := n.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
			out = append(out, NodeTerms(required.NodeSelectorTerms, at.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"))...)
		}
		for i, term := range n.PreferredDuringSchedulingIgnoredDuringExecution {
			out = append(out, nodeTerm(&term.Preference, true, at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("preference"))...)
		}
	}
	for i, c := range spec.TopologySpreadConstraints {
		at := path.Child("topologySpreadConstraints").Index(i)
		if message, deprecated := api.DeprecatedNodeLabel(c.TopologyKey); deprecated {
			out = append(out, fmt.Sprintf("%s: %s is %s", at.Child("topologyKey"), c.TopologyKey, message))
		}
		if c.LabelSelector == nil {
			out = append(out, fmt.Sprintf(matchesNothing, at.Child("labelSelector")))
		}
	}
	return out
}

// NodeTerms finds old labels of nodes in the terms of a node selector.
func NodeTerms(terms []corev1.NodeSelectorTerm, path *field.Path) (out []string) {
	for i := range terms {
		out = append(out, nodeTerm(&terms[i], false, path.Index(i))...)
	}
	return out
}

// nodeTerm finds old labels in one term and, where no error is made of them,
// values that no label has.
func nodeTerm(term *corev1.NodeSelectorTerm, checkValues bool, path *field.Path) (out []string) {
	for i, r := range term.MatchExpressions {
		at := path.Child("matchExpressions").Index(i)
		if message, deprecated := api.DeprecatedNodeLabel(r.Key); deprecated {
			out = append(out, fmt.Sprintf("%s: %s is %s", at.Child("key"), r.Key, message))
		}
		if !checkValues {
			continue
		}
		for j, value := range r.Values {
			for _, problem := range validation.IsValidLabelValue(value) {
				out = append(out, fmt.Sprintf("%s: %s is invalid, %s", at.Child("values").Index(j), value, problem))
			}
		}
	}
	return out
}

// affinityWarnings finds terms that are near no pod at all.
func affinityWarnings(affinity *corev1.Affinity, path *field.Path) (out []string) {
	terms := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm, path *field.Path) {
		for i, term := range required {
			if term.LabelSelector == nil {
				out = append(out, fmt.Sprintf(matchesNothing, path.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i).Child("labelSelector")))
			}
		}
		for i, term := range preferred {
			if term.PodAffinityTerm.LabelSelector == nil {
				out = append(out, fmt.Sprintf(matchesNothing, path.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("podAffinityTerm", "labelSelector")))
			}
		}
	}
	if affinity == nil {
		return nil
	}
	if a := affinity.PodAffinity; a != nil {
		terms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAffinity"))
	}
	if a := affinity.PodAntiAffinity; a != nil {
		terms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAntiAffinity"))
	}
	return out
}
