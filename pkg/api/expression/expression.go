// Package expression checks the CEL expressions that API objects hold: in
// selectors of devices, admission policies and the schemas of custom resources.
//
// Base is the environment that all of them share, with Kubernetes' own functions.
// A kind extends it by the variables that its expressions may use and compiles
// each expression with Compile. Environments are big, so none is made before the
// first expression comes.
//
// https://kubernetes.io/docs/reference/using-api/cel/
package expression

import (
	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

// compatible is the release whose functions a new expression may use: the one
// before ours, so that a cluster can go back to it.
var compatible = version.MajorMinor(1, 36)

// Base returns the environments without any variable: one for new expressions,
// and one for those that are stored, which may use all that there is. It is made
// at the first call and shared.
func Base() *environment.EnvSet { return environment.MustBaseEnvSet(compatible) }

// Compile checks an expression and returns its checked form.
func Compile(env *cel.Env, text string, path *field.Path) (*cel.Ast, *field.Error) {
	ast, issues := env.Compile(text)
	if issues != nil {
		return nil, field.Invalid(path, text, "compilation failed: "+issues.String())
	}
	return ast, nil
}
