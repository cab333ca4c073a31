package authz

import (
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The selectors in a review: a list of pods on one node may be allowed where a list
// of all is not.

// fieldSelector writes the requirements of a review as a query would have
// them. Those that a query cannot express are left out, which can only make
// the answer stricter.
func fieldSelector(f *authorizationv1.FieldSelectorAttributes) string {
	if f == nil {
		return ""
	}
	if f.RawSelector != "" {
		return f.RawSelector
	}
	return strings.Join(fieldTerms(f.Requirements), ",")
}

func fieldTerms(requirements []metav1.FieldSelectorRequirement) (terms []string) {
	for _, r := range requirements {
		if len(r.Values) != 1 {
			continue
		}
		switch r.Operator {
		case metav1.FieldSelectorOpIn:
			terms = append(terms, fmt.Sprintf("%s=%s", r.Key, r.Values[0]))
		case metav1.FieldSelectorOpNotIn:
			terms = append(terms, fmt.Sprintf("%s!=%s", r.Key, r.Values[0]))
		}
	}
	return terms
}

// labelOperators are those of requirements, as labels names them.
var labelOperators = map[metav1.LabelSelectorOperator]selection.Operator{
	metav1.LabelSelectorOpIn: selection.In, metav1.LabelSelectorOpNotIn: selection.NotIn,
	metav1.LabelSelectorOpExists: selection.Exists, metav1.LabelSelectorOpDoesNotExist: selection.DoesNotExist,
}

func labelTerms(requirements []metav1.LabelSelectorRequirement) (terms []labels.Requirement) {
	for _, r := range requirements {
		if term, err := labels.NewRequirement(r.Key, labelOperators[r.Operator], r.Values); err == nil {
			terms = append(terms, *term)
		}
	}
	return terms
}

// unread says which selectors of a review were not understood, wholly or in part.
func unread(r *authorizationv1.ResourceAttributes) (problems []string) {
	note := func(name string, asked, read int, raw error) {
		switch {
		case raw != nil, read == 0 && asked > 0:
			problems = append(problems, "spec.resourceAttributes."+name+" ignored due to parse error")
		case read < asked:
			problems = append(problems, "spec.resourceAttributes."+name+" partially ignored due to parse error")
		}
	}
	if r == nil {
		return nil
	}
	if f := r.FieldSelector; f != nil {
		_, err := fields.ParseSelector(f.RawSelector)
		note("fieldSelector", len(f.Requirements), len(fieldTerms(f.Requirements)), err)
	}
	if l := r.LabelSelector; l != nil {
		_, err := labels.Parse(l.RawSelector)
		note("labelSelector", len(l.Requirements), len(labelTerms(l.Requirements)), err)
	}
	return problems
}

// validateSelectors wants each selector either raw or taken apart.
func validateSelectors(r *authorizationv1.ResourceAttributes) (problems field.ErrorList) {
	if r == nil {
		return nil
	}
	check := func(path *field.Path, raw string, requirements int) {
		switch {
		case raw != "" && requirements > 0:
			problems = append(problems, field.Invalid(path.Child("rawSelector"), raw, "may not specified at the same time as requirements"))
		case raw == "" && requirements == 0:
			problems = append(problems, field.Required(path.Child("requirements"), fmt.Sprintf("when %s is specified, requirements or rawSelector is required", path)))
		}
	}
	path := field.NewPath("spec.resourceAttributes")
	if f := r.FieldSelector; f != nil {
		check(path.Child("fieldSelector"), f.RawSelector, len(f.Requirements))
	}
	if l := r.LabelSelector; l != nil {
		check(path.Child("labelSelector"), l.RawSelector, len(l.Requirements))
	}
	return problems
}
