package storage

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of the parameters of a class.
const (
	maxParameters     = 512
	maxParametersSize = 256 << 10
)

// validateProvisioner checks the name of a driver in a class, whose letters may be of any case.
func validateProvisioner(name string, path *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	lower := strings.ToLower(name)
	for _, problem := range validation.IsQualifiedName(lower) {
		errs = append(errs, field.Invalid(path, lower, problem))
	}
	return errs
}

func validateParameters(parameters map[string]string, path *field.Path) (errs field.ErrorList) {
	if len(parameters) > maxParameters {
		return field.ErrorList{field.TooLong(path, "", maxParameters)}
	}
	if _, there := parameters[""]; there {
		errs = append(errs, field.Invalid(path, "", "field can not be empty."))
	}
	if sizeOf(parameters) > maxParametersSize {
		errs = append(errs, field.TooLong(path, "", maxParametersSize))
	}
	return errs
}

func sizeOf(m map[string]string) (size int) {
	for key, value := range m {
		size += len(key) + len(value)
	}
	return size
}

// validateTopologies checks where volumes may be made: terms of which one must hold.
func validateTopologies(terms []corev1.TopologySelectorTerm, path *field.Path) (errs field.ErrorList) {
	// Upstream starts with as many empty terms as there are terms, and finds an
	// empty one a duplicate of each of them.
	seen := make([]map[string]sets.Set[string], len(terms))
	for i, term := range terms {
		path := path.Index(i).Child("matchLabelExpressions")
		values, termErrs := validateTopology(term.MatchLabelExpressions, path)
		errs = append(errs, termErrs...)
		for _, other := range seen {
			if equality.Semantic.DeepEqual(values, other) {
				errs = append(errs, field.Duplicate(path, ""))
			}
		}
		seen = append(seen, values)
	}
	return errs
}

func validateTopology(expressions []corev1.TopologySelectorLabelRequirement, path *field.Path) (map[string]sets.Set[string], field.ErrorList) {
	var errs field.ErrorList
	values := map[string]sets.Set[string]{}
	for i, expression := range expressions {
		path := path.Index(i)
		if len(expression.Values) == 0 {
			errs = append(errs, field.Required(path.Child("values"), ""))
		}
		set := sets.New[string]()
		for j, value := range expression.Values {
			if set.Has(value) {
				errs = append(errs, field.Duplicate(path.Child("values").Index(j), value))
			}
			set.Insert(value)
		}
		errs = append(errs, metav1validation.ValidateLabelName(expression.Key, path.Child("key"))...)
		if _, twice := values[expression.Key]; twice {
			errs = append(errs, field.Duplicate(path.Child("key"), expression.Key))
		}
		values[expression.Key] = set
	}
	return values, errs
}
