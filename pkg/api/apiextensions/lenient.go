package apiextensions

import (
	"reflect"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/api/equality"

	webhookapi "slowmo/pkg/api/webhook"
)

// lenience is what validation lets stand, because it stood in the stored
// definition although there is a rule against it now. A new definition gets none.
type lenience struct {
	anyReview       bool // conversion reviews of which the server speaks no version
	noSchema        bool // a version without a schema
	anyType         bool // types that OpenAPI does not know
	unstructured    bool // schemas that are not structural
	unpruned        bool // defaults with fields that are not in the schema
	nonAtomicSets   bool // sets of what is not replaced as a whole
	looseMapKeys    bool // lists as maps whose keys may be missing
	badBundle       bool // a bundle of certificates that is none
	manySelectable  map[string]bool
	sameSchemas     map[string]bool // versions with the schema that they had
	rules, messages map[string]bool // expressions that were there
}

func lenienceFor(definition, before *apiextensions.CustomResourceDefinition) lenience {
	old := &before.Spec
	l := lenience{
		anyReview:      old.Conversion != nil && len(old.Conversion.ConversionReviewVersions) > 0 && !webhookapi.Speaks(old.Conversion.ConversionReviewVersions),
		noSchema:       len(schemasOf(old)) < 1 || old.Validation == nil && len(schemasOf(old)) < len(old.Versions),
		anyType:        anySchema(old, func(s *apiextensions.JSONSchemaProps) bool { return s.Type != "" && !knownType(s.Type) }),
		nonAtomicSets:  anySchema(old, hasNonAtomicSet),
		looseMapKeys:   anySchema(old, func(s *apiextensions.JSONSchemaProps) bool { return len(validateKeys(s, nil)) > 0 }),
		badBundle:      mayHaveBadBundle(before),
		manySelectable: map[string]bool{},
		sameSchemas:    map[string]bool{},
		rules:          map[string]bool{},
		messages:       map[string]bool{},
	}
	for _, schema := range schemasOf(old) {
		structural, err := structuralschema.NewStructural(schema)
		valid := err == nil && len(structuralschema.ValidateStructural(nil, structural)) == 0
		l.unstructured = l.unstructured || !valid
		l.unpruned = l.unpruned || valid && !isPruned(structural)
		each(schema, func(s *apiextensions.JSONSchemaProps) {
			for _, rule := range s.XValidations {
				l.rules[rule.Rule], l.messages[rule.MessageExpression] = true, true
			}
		})
	}
	l.compareVersions(definition, before)
	return l
}

func isPruned(s *structuralschema.Structural) bool {
	pruned := s.DeepCopy()
	return structuraldefaulting.PruneDefaults(pruned) != nil || reflect.DeepEqual(s, pruned)
}

// mayHaveBadBundle is so until a definition is established, and for one that has.
func mayHaveBadBundle(before *apiextensions.CustomResourceDefinition) bool {
	if !apiextensions.IsCRDConditionTrue(before, apiextensions.Established) {
		return true
	}
	conversion := before.Spec.Conversion
	if conversion == nil || conversion.WebhookClientConfig == nil {
		return false
	}
	bundle := conversion.WebhookClientConfig.CABundle
	return len(bundle) > 0 && !isBundle(bundle)
}

func (l *lenience) compareVersions(definition, before *apiextensions.CustomResourceDefinition) {
	same := func(name string, now, old []apiextensions.SelectableField) {
		l.manySelectable[name] = len(old) > maxSelectable && equality.Semantic.DeepEqual(now, old)
	}
	same("", definition.Spec.SelectableFields, before.Spec.SelectableFields)
	for _, now := range definition.Spec.Versions {
		for _, old := range before.Spec.Versions {
			if now.Name == old.Name {
				same(now.Name, now.SelectableFields, old.SelectableFields)
			}
		}
		schema, err := apiextensions.GetSchemaForVersion(definition, now.Name)
		was, errBefore := apiextensions.GetSchemaForVersion(before, now.Name)
		l.sameSchemas[now.Name] = err == nil && errBefore == nil && equality.Semantic.DeepEqual(schema, was)
	}
}
