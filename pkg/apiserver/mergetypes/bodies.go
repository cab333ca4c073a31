package mergetypes

import (
	"reflect"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// bodies are the kinds that are sent and not stored: reviews, and what
// subresources take. No client has a schema of them, and they need none of their own: where Go's
// types say nothing, what a list holds is replaced as a whole.
var bodies = map[runtimeschema.GroupVersionKind]any{
	autoscalingv1.SchemeGroupVersion.WithKind("Scale"):                      autoscalingv1.Scale{},
	policyv1.SchemeGroupVersion.WithKind("Eviction"):                        policyv1.Eviction{},
	corev1.SchemeGroupVersion.WithKind("Binding"):                           corev1.Binding{},
	authenticationv1.SchemeGroupVersion.WithKind("TokenRequest"):            authenticationv1.TokenRequest{},
	authenticationv1.SchemeGroupVersion.WithKind("TokenReview"):             authenticationv1.TokenReview{},
	authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"):       authenticationv1.SelfSubjectReview{},
	authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview"):      authorizationv1.SubjectAccessReview{},
	authorizationv1.SchemeGroupVersion.WithKind("LocalSubjectAccessReview"): authorizationv1.LocalSubjectAccessReview{},
	authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"):  authorizationv1.SelfSubjectAccessReview{},
	authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectRulesReview"):   authorizationv1.SelfSubjectRulesReview{},
}

func newBodyTypes(scheme *runtime.Scheme) managedfields.TypeConverter {
	parser := &typed.Parser{}
	for kind, body := range bodies {
		name, _ := scheme.ToOpenAPIDefinitionName(kind)
		parser.Schema.Types = append(parser.Schema.Types, schema.TypeDef{Name: name, Atom: atomOf(reflect.TypeOf(body))})
	}
	slices.SortFunc(parser.Schema.Types, func(a, b schema.TypeDef) int { return strings.Compare(a.Name, b.Name) })
	return managedfields.NewSchemeTypeConverter(scheme, parser)
}

// merged are the lists of metadata that are not replaced as a whole, by the type of their elements.
var merged = map[reflect.Type]schema.List{
	reflect.TypeFor[string]():                {ElementRelationship: schema.Associative}, // finalizers
	reflect.TypeFor[metav1.OwnerReference](): {ElementRelationship: schema.Associative, Keys: []string{"uid"}},
}

// atomOf is what Go's type says of how values are merged.
func atomOf(t reflect.Type) schema.Atom {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[metav1.Time](), t == reflect.TypeFor[metav1.FieldsV1]():
		untyped := schema.Scalar("untyped")
		return schema.Atom{Scalar: &untyped}
	case t.Kind() == reflect.Struct:
		fields := &schema.Map{Fields: fieldsOf(t)}
		if t == reflect.TypeFor[metav1.OwnerReference]() {
			fields.ElementRelationship = schema.Atomic
		}
		return schema.Atom{Map: fields}
	case t.Kind() == reflect.Map:
		return schema.Atom{Map: &schema.Map{ElementType: schema.TypeRef{Inlined: atomOf(t.Elem())}}}
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return schema.Atom{List: &schema.List{ElementType: schema.TypeRef{Inlined: atomOf(t.Elem())}, ElementRelationship: schema.Atomic}}
	}
	scalar := schema.Numeric
	switch t.Kind() {
	case reflect.String, reflect.Slice:
		scalar = schema.String
	case reflect.Bool:
		scalar = schema.Boolean
	}
	return schema.Atom{Scalar: &scalar}
}

func fieldsOf(t reflect.Type) (fields []schema.StructField) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			fields = append(fields, fieldsOf(f.Type)...)
			continue
		}
		atom := atomOf(f.Type)
		if t == reflect.TypeFor[metav1.ObjectMeta]() && atom.List != nil {
			if list, ok := merged[f.Type.Elem()]; ok {
				list.ElementType = atom.List.ElementType
				atom.List = &list
			}
		}
		fields = append(fields, schema.StructField{Name: name, Type: schema.TypeRef{Inlined: atom}})
	}
	return fields
}
