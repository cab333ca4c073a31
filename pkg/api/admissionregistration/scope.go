package admissionregistration

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"

	"slowmo/pkg/api/expression"
)

// What an expression may result in.
var (
	boolean        = []*cel.Type{cel.BoolType}
	text           = []*cel.Type{cel.StringType}
	textOrNull     = []*cel.Type{cel.StringType, cel.NullType}
	configuration  = []*cel.Type{cel.ObjectType("Object")}
	jsonOperations = []*cel.Type{cel.ListType(cel.ObjectType("JSONPatch"))}
)

// knows are the variables that an expression has beside those that all have. It
// also tells the environments apart.
type knows struct{ params, authorizer, variables, patches bool }

// expressions checks the CEL expressions of one object.
type expressions struct {
	params bool            // the policy has parameters
	stored map[string]bool // expressions that the object had before

	variables *apiservercel.DeclType // those that the policy has defined so far
	envs      map[knows]*environment.EnvSet
}

func newExpressions(params bool) *expressions {
	return &expressions{params: params, stored: map[string]bool{}, envs: map[knows]*environment.EnvSet{},
		variables: apiservercel.NewObjectType("kubernetes.variables", map[string]*apiservercel.DeclField{})}
}

// check checks that an expression results in one of types. None means any.
func (e *expressions) check(source string, k knows, path *field.Path, types ...*cel.Type) field.ErrorList {
	_, err := e.compile(source, k, path, types...)
	if err != nil {
		return field.ErrorList{err}
	}
	return nil
}

// define checks a variable and makes it known to the expressions after it.
func (e *expressions) define(name, source string, k knows, path *field.Path) field.ErrorList {
	ast, err := e.compile(source, k, path)
	kind := apiservercel.DynType
	if err == nil {
		kind = declared(ast.OutputType())
	}
	e.variables.Fields[name] = apiservercel.NewDeclField(name, kind, true, nil, nil)
	if err != nil {
		return field.ErrorList{err}
	}
	return nil
}

func (e *expressions) compile(source string, k knows, path *field.Path, types ...*cel.Type) (*cel.Ast, *field.Error) {
	set, err := e.environment(k)
	if err != nil {
		return nil, field.InternalError(path, err)
	}
	env := set.NewExpressionsEnv()
	if e.stored[source] {
		env = set.StoredExpressionsEnv()
	}
	return expression.Check(env, source, path, func(out *cel.Type) string { return refuse(out, types) })
}

func refuse(out *cel.Type, allowed []*cel.Type) string {
	for _, t := range allowed {
		if out.IsExactType(t) {
			return ""
		}
	}
	switch len(allowed) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("must evaluate to %v but got %v", allowed[0], out)
	default:
		return fmt.Sprintf("must evaluate to one of %v but got %v", allowed, out)
	}
}

func (e *expressions) environment(k knows) (*environment.EnvSet, error) {
	if set, ok := e.envs[k]; ok {
		return set, nil
	}
	request, namespace := requestType(), namespaceType()
	always := environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			cel.Variable("object", cel.DynType),
			cel.Variable("oldObject", cel.DynType),
			cel.Variable("namespaceObject", namespace.CelType()),
			cel.Variable("request", request.CelType()),
		},
		DeclTypes: []*apiservercel.DeclType{namespace, request},
	}
	if k.params {
		always.EnvOptions = append(always.EnvOptions, cel.Variable("params", cel.DynType))
	}
	if k.authorizer {
		always.EnvOptions = append(always.EnvOptions, cel.Variable("authorizer", library.AuthorizerType),
			cel.Variable("authorizer.requestResource", library.ResourceCheckType))
	}
	if k.variables {
		always.EnvOptions = append(always.EnvOptions, cel.Variable("variables", e.variables.CelType()))
		always.DeclTypes = append(always.DeclTypes, e.variables)
	}
	set, err := expression.Base().Extend(always, environment.StrictCostOpt)
	if err == nil && k.patches {
		// The types of objects and patches come after those declared above.
		set, err = set.Extend(environment.VersionedOptions{
			IntroducedVersion: version.MajorMinor(1, 0),
			EnvOptions: []cel.EnvOption{
				common.ResolverEnvOption(&mutation.DynamicTypeResolver{}),
				environment.UnversionedLib(library.JSONPatch),
			},
		})
	}
	if err == nil {
		e.envs[k] = set
	}
	return set, err
}

// structOf declares a type whose fields are given by name. A name that ends in
// "?" is of a field that may be missing.
func structOf(name string, fields map[string]*apiservercel.DeclType) *apiservercel.DeclType {
	declared := map[string]*apiservercel.DeclField{}
	for name, kind := range fields {
		required := name[len(name)-1] != '?'
		if !required {
			name = name[:len(name)-1]
		}
		declared[name] = apiservercel.NewDeclField(name, kind, required, nil, nil)
	}
	return apiservercel.NewObjectType("kubernetes."+name, declared)
}

func listOf(element *apiservercel.DeclType) *apiservercel.DeclType {
	return apiservercel.NewListType(element, -1)
}

func mapOf(value *apiservercel.DeclType) *apiservercel.DeclType {
	return apiservercel.NewMapType(apiservercel.StringType, value, -1)
}

// requestType is what an expression sees of the request.
func requestType() *apiservercel.DeclType {
	text := apiservercel.StringType
	kind := structOf("GroupVersionKind", map[string]*apiservercel.DeclType{"group": text, "version": text, "kind": text})
	resource := structOf("GroupVersionResource", map[string]*apiservercel.DeclType{"group": text, "version": text, "resource": text})
	user := structOf("UserInfo", map[string]*apiservercel.DeclType{
		"username?": text, "uid?": text, "groups?": listOf(text), "extra?": mapOf(listOf(text)),
	})
	return structOf("AdmissionRequest", map[string]*apiservercel.DeclType{
		"kind": kind, "resource": resource, "subResource?": text,
		"requestKind": kind, "requestResource": resource, "requestSubResource?": text,
		"name": text, "namespace?": text, "operation": text, "userInfo": user,
		"dryRun?": apiservercel.BoolType, "options?": apiservercel.DynType,
	})
}

// namespaceType is what an expression sees of the object's namespace.
func namespaceType() *apiservercel.DeclType {
	text, number, moment := apiservercel.StringType, apiservercel.IntType, apiservercel.TimestampType
	condition := structOf("NamespaceCondition", map[string]*apiservercel.DeclType{
		"status": text, "type": text, "lastTransitionTime": moment, "message": text, "reason": text,
	})
	return structOf("Namespace", map[string]*apiservercel.DeclType{
		"metadata": structOf("NamespaceMetadata", map[string]*apiservercel.DeclType{
			"name": text, "generateName": text, "namespace": text, "labels": mapOf(text), "annotations": mapOf(text),
			"UID": text, "creationTimestamp": moment, "deletionGracePeriodSeconds": number, "deletionTimestamp": moment,
			"generation": number, "resourceVersion": text, "finalizers": listOf(text),
		}),
		"spec":   structOf("NamespaceSpec", map[string]*apiservercel.DeclType{"finalizers": listOf(text)}),
		"status": structOf("NamespaceStatus", map[string]*apiservercel.DeclType{"conditions": listOf(condition), "phase": text}),
	})
}

// plain are the types of CEL that have a declaration of their own.
var plain = map[*cel.Type]*apiservercel.DeclType{
	cel.AnyType: apiservercel.AnyType, cel.BoolType: apiservercel.BoolType, cel.BytesType: apiservercel.BytesType,
	cel.DoubleType: apiservercel.DoubleType, cel.DurationType: apiservercel.DurationType, cel.IntType: apiservercel.IntType,
	cel.NullType: apiservercel.NullType, cel.StringType: apiservercel.StringType, cel.TimestampType: apiservercel.TimestampType,
	cel.UintType: apiservercel.UintType,
}

// declared returns the declaration of a type, as far as it has one.
func declared(t *cel.Type) *apiservercel.DeclType {
	if d, ok := plain[t]; ok {
		return d
	}
	if t.HasTrait(traits.ContainerType) && t.HasTrait(traits.IndexerType) {
		switch parameters := t.Parameters(); len(parameters) {
		case 1:
			return listOf(declared(parameters[0]))
		case 2:
			return apiservercel.NewMapType(declared(parameters[0]), declared(parameters[1]), -1)
		}
	}
	return apiservercel.DynType
}
