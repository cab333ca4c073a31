package apiextensions

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
)

// created returns a definition as a create leaves it.
func created(t *testing.T, text string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict([]byte(text), definition); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	CustomResourceDefinition.Default(definition)
	CustomResourceDefinition.PrepareCreate(t.Context(), definition)
	return definition
}

// widget returns a definition with the given parts of its version and spec.
func widget(version, spec string) string {
	return `{metadata: {name: widgets.example.com}, spec: {group: example.com, scope: Namespaced, names: {plural: widgets, kind: Widget},
		versions: [{name: v1, served: true, storage: true` + version + `}]` + spec + `}}`
}

// schema is a version with properties in its spec.
func schema(properties string) string {
	return widget(`, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {`+properties+`}}}}}`, ``)
}

func expect[E error](t *testing.T, what string, errs []E, want []string) {
	t.Helper()
	var got []string
	for _, err := range errs {
		got = append(got, err.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

const object = `, schema: {openAPIV3Schema: {type: object}}`

func TestValidateDefinition(t *testing.T) {
	for _, c := range []struct {
		object string
		want   []string
	}{
		{`{}`, []string{
			`spec.group: Required value`, `spec.scope: Required value`,
			`spec.versions: Invalid value: null: must have exactly one version marked as storage version`,
			`spec.names.plural: Required value`, `spec.names.singular: Required value`, `spec.names.kind: Required value`, `spec.names.listKind: Required value`,
			`status.storedVersions: Invalid value: null: must have at least one stored version`}},
		{widget(object, ``), nil},
		{widget(``, ``), []string{`spec.versions[0].schema.openAPIV3Schema: Required value`}},
		{widget(object+`, subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .spec.x, labelSelectorPath: x}}`, ``), []string{
			`spec.subresources.scale.statusReplicasPath: Invalid value: ".spec.x": should be a json path under .status`,
			`spec.subresources.scale.labelSelectorPath: Invalid value: "x": must be a simple json path starting with .`}},
		{widget(object+`, additionalPrinterColumns: [{name: A, type: string, jsonPath: .a}, {type: x, format: q, jsonPath: a}]`, ``), []string{
			`spec.additionalPrinterColumns[1].name: Required value`,
			`spec.additionalPrinterColumns[1].type: Invalid value: "x": must be one of boolean,date,integer,number,string`,
			`spec.additionalPrinterColumns[1].format: Invalid value: "q": must be one of byte,date,date-time,double,float,int32,int64,password`,
			`spec.additionalPrinterColumns[1].JSONPath: Invalid value: "a": must be a simple json path starting with .`}},
		{widget(object+`, deprecationWarning: x`, ``), []string{`spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions`}},
		{widget(object, `, conversion: {strategy: Webhook}`), []string{
			`spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook`, `spec.conversion.conversionReviewVersions: Required value`}},
		{widget(object, `, conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v2], clientConfig: {url: "http://a"}}}`), []string{
			`spec.conversion.webhookClientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
			`spec.conversion.conversionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1`}},
		{widget(object, `, preserveUnknownFields: true`), []string{
			`spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead`}},
		{`{metadata: {name: a}, spec: {group: x.k8s.io, scope: Some, names: {plural: As, kind: A, listKind: A, shortNames: [B]}, versions: [{name: V1, served: true, storage: true` + object + `}]}}`, []string{
			`metadata.name: Invalid value: "a": must be spec.names.plural+"."+spec.group`,
			`spec.scope: Unsupported value: "Some": supported values: "Cluster", "Namespaced"`,
			`spec.versions[0].name: Invalid value: "V1": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
			`spec.version: Invalid value: "V1": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
			`spec.names.plural: Invalid value: "As": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
			`spec.names.shortNames[0]: Invalid value: "B": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
			`spec.names.listKind: Invalid value: "A": kind and listKind may not be the same`,
			`metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111`}},
		{strings.Replace(schema(`a: {type: string}, b: {type: array, items: {type: string}}`), `storage: true`, `storage: true, selectableFields: [{jsonPath: .spec.a}, {jsonPath: .spec.a}, {jsonPath: .spec.b}, {}]`, 1), []string{
			`spec.selectableFields[1].jsonPath: Duplicate value: ".spec.a"`,
			`spec.selectableFields[2].jsonPath: Invalid value: ".spec.b": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.`,
			`spec.selectableFields[3].jsonPath: Required value`}},
	} {
		expect(t, c.object, CustomResourceDefinition.Validate(created(t, c.object)), c.want)
	}
}

func TestValidateSchema(t *testing.T) {
	const at = `spec.validation.openAPIV3Schema`
	const spec = at + `.properties[spec].properties`
	for _, c := range []struct {
		object string
		want   []string
	}{
		{schema(`a: {type: string, default: x, enum: [x]}, b: {x-kubernetes-int-or-string: true}`), nil},
		{widget(`, schema: {openAPIV3Schema: {properties: {a: {type: string}}}}`, ``), []string{at + `.type: Required value: must not be empty at the root`}},
		{schema(`a: {type: text}`), []string{spec + `[a].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`}},
		{schema(`a: {properties: {b: {type: string}}}`), []string{spec + `[a].type: Required value: must not be empty for specified object fields`}},
		{schema(`a: {type: object, uniqueItems: true, $ref: x}`), []string{
			spec + `[a].$ref: Forbidden: $ref is not supported`,
			spec + `[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`}},
		{schema(`a: {type: integer, default: x}`), []string{spec + `[a].default: Invalid value: "string":  in body must be of type integer: "string"`}},
		{widget(`, schema: {openAPIV3Schema: {type: object, nullable: true}}`, ``), []string{at + `.nullable: Forbidden: nullable cannot be true at the root`}},
		{schema(`a: {type: array, items: {type: object, properties: {k: {type: string}}}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k, j]}`), []string{
			spec + `[a].x-kubernetes-list-map-keys: Invalid value: ["k","j"]: entries must all be names of item properties`,
			spec + `[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`}},
		{schema(`a: {type: array, items: {type: object}, x-kubernetes-list-type: set}`), []string{
			spec + `[a].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`}},
		{schema(`a: {type: array, items: {type: string}, x-kubernetes-list-type: bag}`), []string{spec + `[a].x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", "map"`}},
	} {
		expect(t, c.object, CustomResourceDefinition.Validate(created(t, c.object)), c.want)
	}
}

// TestLongErrors holds the ends of errors that show the whole schema, or that the
// structural check gives too.
func TestLongErrors(t *testing.T) {
	for _, c := range []struct{ object, want string }{
		{widget(`, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, oneOf: [{required: [a]}]}}`, ``),
			`UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root of the schema if the status subresource is enabled`},
		{schema(`a: {type: object, additionalProperties: {type: string}, properties: {b: {type: string}}}`),
			`spec.validation.openAPIV3Schema.properties[spec].properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`},
	} {
		errs := CustomResourceDefinition.Validate(created(t, c.object))
		if len(errs) == 0 || !strings.HasSuffix(errs[len(errs)-1].Error(), c.want) {
			t.Errorf("%s: got %v", c.object, errs)
		}
	}
}

func TestRules(t *testing.T) {
	const spec = `spec.validation.openAPIV3Schema.properties[spec].properties`
	rules := func(text string) string {
		return schema(`a: {type: object, properties: {b: {type: integer}}, x-kubernetes-validations: [` + text + `]}`)
	}
	for _, c := range []struct {
		object string
		want   []string
	}{
		{rules(`{rule: "self.b > 1", message: m, fieldPath: .b, reason: FieldValueInvalid}, {rule: "self.b >= oldSelf.b"}`), nil},
		{rules(`{rule: " ", messageExpression: " ", reason: X, fieldPath: .c}, {rule: "a\nb"}`), []string{
			spec + `[a].x-kubernetes-validations[0].rule: Required value: rule is not specified`,
			spec + `[a].x-kubernetes-validations[0].messageExpression: Required value: messageExpression must be non-empty if specified`,
			spec + `[a].x-kubernetes-validations[0].reason: Unsupported value: "X": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
			spec + `[a].x-kubernetes-validations[0].fieldPath: Invalid value: ".c": must be a valid path`,
			spec + `[a].x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line breaks`}},
		{rules(`{rule: "self.c"}, {rule: "self.b", optionalOldSelf: true}`), []string{
			spec + `[a].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.c","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'c'` + "\n | self.c\n | ....^",
			spec + `[a].x-kubernetes-validations[1].rule: Invalid value: {"Rule":"self.b","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":true}: cel expression must evaluate to a bool`,
			spec + `[a].x-kubernetes-validations[1].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`}},
		{schema(`a: {type: array, maxItems: 3, items: {type: string, maxLength: 3, x-kubernetes-validations: [{rule: "self == oldSelf"}]}}`), []string{
			spec + `[a].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ` + spec + `[a]`}},
		{schema(`a: {type: array, x-kubernetes-validations: [{rule: "self.all(x, self.all(y, x == y))"}], items: {type: string}}`), []string{
			spec + `[a].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
			spec + `[a].x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
			`spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`}},
	} {
		expect(t, c.object, CustomResourceDefinition.Validate(created(t, c.object)), c.want)
	}
}

func TestUpdate(t *testing.T) {
	update := func(before, after *apiextensionsv1.CustomResourceDefinition) []error {
		CustomResourceDefinition.PrepareUpdate(t.Context(), after, before)
		var errs []error
		for _, err := range CustomResourceDefinition.ValidateUpdate(after, before) {
			errs = append(errs, err)
		}
		return errs
	}
	before := created(t, widget(object, ``))
	before.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue}}
	after := created(t, strings.NewReplacer("v1", "v2", "Namespaced", "Cluster", "Widget", "Gadget").Replace(widget(object, ``)))
	expect(t, "scope, kind and version", update(before, after), []string{
		`spec.scope: Invalid value: "Cluster": field is immutable`,
		`spec.names.kind: Invalid value: "Gadget": field is immutable`,
		`status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions`})
	if stored := strings.Join(after.Status.StoredVersions, ","); stored != "v1,v2" || after.Generation != 2 {
		t.Errorf("stored %s, generation %d", stored, after.Generation)
	}

	old := created(t, schema(`a: {type: string, x-kubernetes-validations: [{rule: "gone(self)"}]}, b: {type: array, items: {type: object}, x-kubernetes-list-type: set}`))
	expect(t, "a set that was there", update(old, old.DeepCopy()), []string{
		`spec.validation.openAPIV3Schema.properties[spec].properties[a].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"gone(self)","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undeclared reference to 'gone' (in container '')` + "\n | gone(self)\n | ....^"})
}

func TestWarnings(t *testing.T) {
	definition := created(t, schema(`a: {type: string, format: odd}, b: {type: string, format: date-time}, c: {type: array, items: {type: object, x-kubernetes-map-type: atomic}, x-kubernetes-list-type: set}`))
	want := []string{`unrecognized format "odd"`, `x-kubernetes-list-type: set for items of type "object" is not supported by server-side apply or CEL validation rules`}
	if got := CustomResourceDefinition.Warnings(t.Context(), definition, nil); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("on create: %q", got)
	}
	if got := CustomResourceDefinition.Warnings(t.Context(), definition, api.Object(definition)); len(got) != 0 {
		t.Errorf("on update: %q", got)
	}
}

func TestDefaults(t *testing.T) {
	definition := created(t, widget(object, `, conversion: {strategy: Webhook, webhook: {clientConfig: {service: {name: s, namespace: q}}}}`))
	names, service := definition.Spec.Names, definition.Spec.Conversion.Webhook.ClientConfig.Service
	if names.Singular != "widget" || names.ListKind != "WidgetList" || *service.Port != 443 || strings.Join(definition.Status.StoredVersions, ",") != "v1" {
		t.Errorf("names %+v, service %+v, status %+v", names, service, definition.Status)
	}
}
