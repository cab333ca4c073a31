package apiextensions

import (
	"fmt"
	"slices"
	"strings"

	celgo "github.com/google/cel-go/cel"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"slowmo/pkg/api/expression"
)

var reasons = []apiextensions.FieldValueErrorReason{apiextensions.FieldValueDuplicate, apiextensions.FieldValueForbidden,
	apiextensions.FieldValueInvalid, apiextensions.FieldValueRequired}

// validateRules checks the rules of a schema, but for their expressions.
func validateRules(s *apiextensions.JSONSchemaProps, path *field.Path) (errs field.ErrorList) {
	const breaks = "\n\r"
	for i, rule := range s.XValidations {
		path := path.Index(i)
		text, message := strings.TrimSpace(rule.Rule), strings.TrimSpace(rule.Message)
		switch {
		case text == "":
			errs = append(errs, field.Required(path.Child("rule"), "rule is not specified"))
		case rule.Message != "" && message == "":
			errs = append(errs, field.Invalid(path.Child("message"), rule.Message, "must be non-empty if specified"))
		case strings.ContainsAny(message, breaks):
			errs = append(errs, field.Invalid(path.Child("message"), rule.Message, "must not contain line breaks"))
		case strings.ContainsAny(text, breaks) && message == "":
			errs = append(errs, field.Required(path.Child("message"), "message must be specified if rule contains line breaks"))
		}
		if rule.MessageExpression != "" && strings.TrimSpace(rule.MessageExpression) == "" {
			errs = append(errs, field.Required(path.Child("messageExpression"), "messageExpression must be non-empty if specified"))
		}
		if rule.Reason != nil && !slices.Contains(reasons, *rule.Reason) {
			errs = append(errs, field.NotSupported(path.Child("reason"), *rule.Reason, reasons))
		}
		if rule.FieldPath == "" {
			continue
		}
		fieldPath := path.Child("fieldPath")
		if strings.TrimSpace(rule.FieldPath) == "" {
			errs = append(errs, field.Invalid(fieldPath, rule.FieldPath, "must be non-empty if specified"))
		}
		if strings.ContainsAny(rule.FieldPath, breaks) {
			errs = append(errs, field.Invalid(fieldPath, rule.FieldPath, "must not contain line breaks"))
		}
		if !hasField(s, rule.FieldPath) {
			errs = append(errs, field.Invalid(fieldPath, rule.FieldPath, "must be a valid path"))
		}
	}
	return errs
}

// hasField reports whether a path leads to a field of a schema. Of one that is
// not structural nobody can tell.
func hasField(s *apiextensions.JSONSchemaProps, path string) bool {
	structural, err := structuralschema.NewStructural(s)
	if err != nil {
		return true
	}
	_, _, err = cel.ValidFieldPath(path, structural)
	return err == nil
}

// stored tells the expressions that were there from new ones.
type stored struct{ rules, messages map[string]bool }

func (s stored) RuleEnv(set *environment.EnvSet, text string) *celgo.Env {
	if s.rules[text] {
		return set.StoredExpressionsEnv()
	}
	return set.NewExpressionsEnv()
}

func (s stored) MessageExpressionEnv(set *environment.EnvSet, text string) *celgo.Env {
	if s.messages[text] {
		return set.StoredExpressionsEnv()
	}
	return set.NewExpressionsEnv()
}

// compile checks the expressions of a schema.
func (w *walk) compile(s *apiextensions.JSONSchemaProps, path *field.Path, at place, n *node) {
	types, err := n.types()
	switch {
	case err != nil:
		w.rule(field.InternalError(path, fmt.Errorf("internal error: failed to construct type information for x-kubernetes-validations rules: %w", err)))
		return
	case types == nil:
		w.rule(field.InternalError(path, fmt.Errorf("internal error: failed to retrieve type information for x-kubernetes-validations")))
		return
	}
	results, err := cel.Compile(types.schema, types.declared, expression.CostLimit, expression.Base(), stored{w.check.rules, w.messages})
	if err != nil {
		w.rule(field.InternalError(path, err))
		return
	}
	for i := range results {
		w.result(&results[i], s.XValidations[i], path.Index(i), at, n)
	}
}

func (w *walk) rule(err *field.Error) { w.rules = append(w.rules, err) }

// result judges what the compiler found in one rule.
func (w *walk) result(r *cel.CompilationResult, rule apiextensions.ValidationRule, path *field.Path, at place, n *node) {
	text, message := path.Child("rule"), path.Child("messageExpression")
	times := r.MaxCardinality
	if n.most != nil {
		times = *n.most
	}
	w.charge("estimated rule cost", product(r.MaxCost, times), text, n)
	if err := r.Error; err != nil && err.Type == apiservercel.ErrorTypeRequired {
		w.rule(field.Required(text, err.Detail))
	} else if err != nil {
		w.rule(field.Invalid(text, rule, err.Detail))
	}
	if err := r.MessageExpressionError; err != nil {
		w.rule(field.Invalid(message, rule, err.Detail))
	} else if r.MessageExpression != nil {
		w.charge("estimated messageExpression cost", r.MessageExpressionMaxCost, message, n)
	}
	switch {
	case r.UsesOldSelf && at.uncertain != nil:
		w.rule(field.Invalid(text, rule.Rule, fmt.Sprintf("oldSelf cannot be used on the uncorrelatable portion of the schema within %v", at.uncertain)))
	case !r.UsesOldSelf && rule.OptionalOldSelf != nil:
		w.rule(field.Invalid(path.Child("optionalOldSelf"), *rule.OptionalOldSelf, "may not be set if oldSelf is not used in rule"))
	}
}

// charge notes what an expression may cost.
func (w *walk) charge(what string, cost uint64, path *field.Path, n *node) {
	if !w.same && cost > maxCost {
		w.rule(field.Forbidden(path, tooExpensive(what, cost, maxCost)))
	}
	n.total.add(path, cost)
}
