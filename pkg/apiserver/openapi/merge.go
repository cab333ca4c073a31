package openapi

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	smdschema "sigs.k8s.io/structured-merge-diff/v6/schema"

	"slowmo/pkg/apiserver/mergetypes"
)

// mergeRules tells how server-side apply merges fields: the same schema that
// the server merges by, which knows what Go's types do not say.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
type mergeRules struct {
	types map[string]smdschema.Atom
}

// mergeRule is how one field is merged.
type mergeRule struct {
	list    string   // atomic, set or map
	keys    []string // of a map list
	mapType string   // atomic, or nothing
}

// newMergeRules reads the rules of all types; an object of each API leads to the schema that holds its types.
func newMergeRules(scheme *runtime.Scheme) (mergeRules, error) {
	types, rules := mergetypes.New(scheme), mergeRules{types: map[string]smdschema.Atom{}}
	for _, obj := range []runtime.Object{
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}},
		&apiregistrationv1.APIService{TypeMeta: metav1.TypeMeta{APIVersion: "apiregistration.k8s.io/v1", Kind: "APIService"}},
	} {
		typed, err := types.ObjectToTyped(obj)
		if err != nil {
			return mergeRules{}, err
		}
		for _, t := range typed.Schema().Types {
			rules.types[t.Name] = t.Atom
		}
	}
	return rules, nil
}

func (r mergeRules) field(owner, name string) (rule mergeRule) {
	t, ok := r.types[owner]
	if !ok || t.Map == nil {
		return rule
	}
	f, ok := t.Map.FindField(name)
	if !ok {
		return rule
	}
	if list := f.Type.Inlined.List; list != nil {
		switch {
		case list.ElementRelationship != smdschema.Associative:
			rule.list = "atomic"
		case len(list.Keys) > 0:
			rule.list, rule.keys = "map", list.Keys
		default:
			rule.list = "set"
		}
	}
	if m := f.Type.Inlined.Map; m != nil && m.ElementRelationship == smdschema.Atomic {
		rule.mapType = "atomic"
	}
	return rule
}

// mapType is atomic for structs that are replaced as a whole.
func (r mergeRules) mapType(name string) string {
	if t, ok := r.types[name]; ok && t.Map != nil && t.Map.ElementRelationship == smdschema.Atomic {
		return "atomic"
	}
	return ""
}
