package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api"
)

// narrowPlacement lets a pod that is not scheduled yet be bound to fewer nodes:
// its node selector and the requirements of its affinity to nodes may grow. It
// sets what it allows back in kept.
//
// https://kep.k8s.io/3838
func narrowPlacement(kept, before *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	for key, value := range before.NodeSelector {
		if v, ok := kept.NodeSelector[key]; !ok || v != value {
			errs = append(errs, field.Invalid(path.Child("nodeSelector"), kept.NodeSelector, "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
			break
		}
	}
	kept.NodeSelector = before.NodeSelector

	was, is := nodeAffinity(before), nodeAffinity(kept)
	if equality.Semantic.DeepEqual(was, is) {
		return errs
	}
	errs = append(errs, narrowAffinity(is, was, path.Child("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"))...)
	switch {
	case kept.Affinity == nil:
		kept.Affinity = &corev1.Affinity{NodeAffinity: was}
	case before.Affinity == nil && kept.Affinity.PodAffinity == nil && kept.Affinity.PodAntiAffinity == nil:
		kept.Affinity = nil
	default:
		kept.Affinity.NodeAffinity = was
	}
	return errs
}

func nodeAffinity(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

// narrowAffinity holds that terms, of which a node has to match one, stay as
// many, and only get more requirements.
func narrowAffinity(is, was *corev1.NodeAffinity, path *field.Path) (errs field.ErrorList) {
	old, terms := requiredTerms(was), requiredTerms(is)
	if len(old) == 0 {
		return nil
	}
	if len(old) != len(terms) {
		return field.ErrorList{field.Invalid(path, api.Internal(terms), "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	for i := range old {
		if !onlyGrew(&terms[i], &old[i]) {
			errs = append(errs, field.Invalid(path.Index(i), api.Internal(terms[i]), "only additions are allowed (no mutations or deletions)"))
		}
	}
	return errs
}

func requiredTerms(a *corev1.NodeAffinity) []corev1.NodeSelectorTerm {
	if a == nil || a.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	return a.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
}

// onlyGrew reports whether a term begins as it was. One without requirements
// matches no node, and would match more with some.
func onlyGrew(now, was *corev1.NodeSelectorTerm) bool {
	if len(was.MatchExpressions)+len(was.MatchFields) == 0 {
		return len(now.MatchExpressions)+len(now.MatchFields) == 0
	}
	grew := func(now, was []corev1.NodeSelectorRequirement) bool {
		return len(was) == 0 || len(now) >= len(was) && equality.Semantic.DeepEqual(now[:len(was)], was)
	}
	return grew(now.MatchExpressions, was.MatchExpressions) && grew(now.MatchFields, was.MatchFields)
}
