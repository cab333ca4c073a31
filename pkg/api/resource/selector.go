package resource

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/ext"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"

	"slowmo/pkg/api/expression"
)

// selectors checks the expressions by which devices are chosen. stored says that
// they were valid before.
func (c *check) selectors(selectors []resourcev1.DeviceSelector, stored bool, path *field.Path) {
	if !fits(len(selectors), resourcev1.DeviceSelectorsMaxSize, path, c.tag) {
		return
	}
	for i, selector := range selectors {
		path := path.Index(i).Child("cel")
		switch {
		case selector.CEL == nil:
			c.add(field.Required(path, ""))
		case !stored:
			c.add(validateSelector(selector.CEL.Expression, path.Child("expression"))...)
		}
	}
}

func validateSelector(text string, path *field.Path) field.ErrorList {
	if len(text) > resourcev1.CELSelectorExpressionMaxLength {
		return field.ErrorList{field.TooLong(path, "", resourcev1.CELSelectorExpressionMaxLength)}
	}
	scope, err := deviceScope()
	if err != nil {
		return field.ErrorList{field.InternalError(path, err)}
	}
	ast, problem := expression.Check(scope.env, text, path, func(out *cel.Type) string {
		if out == cel.BoolType || out == cel.AnyType {
			return ""
		}
		return fmt.Sprintf("must evaluate to bool or the unknown type, not %v", out)
	})
	if problem != nil {
		return field.ErrorList{problem}
	}
	cost, err := scope.env.EstimateCost(ast, &library.CostEstimator{SizeEstimator: scope})
	if err != nil {
		return field.ErrorList{field.InternalError(path, fmt.Errorf("cost estimation failed: %w", err))}
	}
	if cost.Max > resourcev1.CELSelectorExpressionMaxCost {
		return field.ErrorList{field.Forbidden(path, "too complex, exceeds cost limit")}
	}
	return nil
}

// deviceVariable is what a selector knows: the device in question.
const deviceVariable = "device"

// scope is the environment of selectors.
type scope struct {
	env    *cel.Env
	device *apiservercel.DeclType
	value  *apiservercel.DeclType // of an attribute
}

var deviceScope = sync.OnceValues(newDeviceScope)

func newDeviceScope() (*scope, error) {
	bounded := func(of *apiservercel.DeclType, most int64) *apiservercel.DeclType {
		t := *of
		t.MaxElements = most
		return &t
	}
	byDomain := func(value *apiservercel.DeclType) *apiservercel.DeclType {
		const most = resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice
		inner := apiservercel.NewMapType(bounded(apiservercel.StringType, resourcev1.DeviceMaxIDLength), value, most)
		return apiservercel.NewMapType(bounded(apiservercel.StringType, resourcev1.DeviceMaxDomainLength), inner, most)
	}
	value := bounded(apiservercel.AnyType, resourcev1.DeviceAttributeMaxValueLength)
	fields := map[string]*apiservercel.DeclField{}
	for name, of := range map[string]*apiservercel.DeclType{
		"driver":                   bounded(apiservercel.StringType, resourcev1.DriverNameMaxLength),
		"attributes":               byDomain(value),
		"capacity":                 byDomain(apiservercel.QuantityDeclType),
		"allowMultipleAllocations": apiservercel.BoolType,
	} {
		fields[name] = apiservercel.NewDeclField(name, of, true, nil, nil)
	}
	device := apiservercel.NewObjectType("kubernetes.DRADevice", fields)
	set, err := expression.Base().Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 31),
		EnvOptions:        []cel.EnvOption{cel.Variable(deviceVariable, device.CelType()), ext.Bindings(ext.BindingsVersion(0))},
		DeclTypes:         []*apiservercel.DeclType{device},
	})
	if err != nil {
		return nil, err
	}
	return &scope{env: set.NewExpressionsEnv(), device: device, value: value}, nil
}

// EstimateSize tells how long what a path leads to can be.
func (s *scope) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	path := element.Path()
	if len(path) == 0 || path[0] != deviceVariable {
		return nil
	}
	at := s.device
	for _, step := range path[1:] {
		if at = s.step(at, step); at == nil {
			return nil
		}
	}
	return &checker.SizeEstimate{Max: uint64(at.MaxElements)}
}

func (s *scope) step(at *apiservercel.DeclType, name string) *apiservercel.DeclType {
	switch name {
	case "@items", "@values":
		return at.ElemType
	case "@keys":
		return at.KeyType
	}
	if f, ok := at.Fields[name]; ok {
		return f.Type
	}
	if at.ElemType == s.value {
		return s.value // an attribute, whatever its name
	}
	return nil
}

// EstimateCallCost leaves the cost of functions to Kubernetes' libraries.
func (*scope) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
