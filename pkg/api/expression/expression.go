// Package expression checks the CEL expressions that API objects hold: in
// selectors of devices, admission policies and the schemas of custom resources.
//
// Base is the environment that all of them share, with Kubernetes' own functions.
// A kind extends it by the variables that its expressions may use and checks each
// expression with Check. Environments are big, so none is made before the first
// expression comes.
//
// https://kubernetes.io/docs/reference/using-api/cel/
package expression

import (
	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Upstream's bounds of an expression's work.
const (
	// CostLimit is what one evaluation may cost, about a tenth of a second.
	CostLimit = 1000000
	// checkFrequency is how many steps of a loop pass between looks at whether it is called off.
	checkFrequency = 100
)

// compatible is the release whose functions a new expression may use: the one
// before ours, so that a cluster can go back to it.
var compatible = version.MajorMinor(1, 36)

// Base returns the environments without any variable: one for new expressions,
// and one for those that are stored, which may use all that there is. It is made
// at the first call and shared.
func Base() *environment.EnvSet { return environment.MustBaseEnvSet(compatible) }

// Check compiles an expression and returns its checked form. refuse says what is
// wrong with the type of its result, or nothing.
func Check(env *cel.Env, text string, path *field.Path, refuse func(*cel.Type) string) (*cel.Ast, *field.Error) {
	ast, issues := env.Compile(text)
	if issues != nil {
		return nil, field.Invalid(path, text, "compilation failed: "+issues.String())
	}
	if problem := refuse(ast.OutputType()); problem != "" {
		return nil, field.Invalid(path, text, problem)
	}
	if _, err := env.Program(ast, cel.InterruptCheckFrequency(checkFrequency)); err != nil {
		return nil, field.InternalError(path, err)
	}
	return ast, nil
}
