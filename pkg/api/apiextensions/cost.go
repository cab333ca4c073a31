package apiextensions

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// What the expressions of a schema may cost, one of them and all together, in
// the units of CEL's estimate.
const (
	maxCost  = 10_000_000
	maxTotal = 100_000_000
)

// node is a schema in the tree of those that expressions see. A nil node has nil children.
type node struct {
	schema *apiextensions.JSONSchemaProps
	parent *node
	root   bool
	ruled  bool    // here or above are rules
	most   *uint64 // how many values the schema has in an object at most; nil: no limit
	total  *total

	// derive finds the types in those of the parent, which is cheap. It returns
	// nil if they are not there.
	derive func(parent *celTypes) *celTypes
	known  *celTypes
	err    error
}

// celTypes are what expressions are checked against.
type celTypes struct {
	schema   *structuralschema.Structural
	declared *apiservercel.DeclType
}

func newRoot(schema *apiextensions.JSONSchemaProps) *node {
	one := uint64(1)
	return &node{schema: schema, root: true, ruled: len(schema.XValidations) > 0, most: &one, total: &total{}}
}

func (n *node) property(schema *apiextensions.JSONSchemaProps, name string) *node {
	return n.child(schema, func(parent *celTypes) *celTypes {
		escaped, ok := apiservercel.Escape(name)
		if !ok {
			return nil
		}
		declared, ok := parent.declared.Fields[escaped]
		if !ok {
			return nil
		}
		property := parent.schema.Properties[name]
		return &celTypes{&property, declared.Type}
	})
}

func (n *node) items(schema *apiextensions.JSONSchemaProps) *node {
	return n.child(schema, func(parent *celTypes) *celTypes {
		if parent.schema.Items == nil {
			return nil
		}
		return &celTypes{parent.schema.Items, parent.declared.ElemType}
	})
}

func (n *node) values(schema *apiextensions.JSONSchemaProps) *node {
	return n.child(schema, func(parent *celTypes) *celTypes {
		if parent.schema.AdditionalProperties == nil {
			return nil
		}
		return &celTypes{parent.schema.AdditionalProperties.Structural, parent.declared.ElemType}
	})
}

func (n *node) child(schema *apiextensions.JSONSchemaProps, derive func(*celTypes) *celTypes) *node {
	if n == nil || schema == nil {
		return nil
	}
	child := &node{schema: schema, parent: n, derive: derive, total: n.total, ruled: n.ruled || len(schema.XValidations) > 0}
	if factor := maxElements(n.schema); n.most != nil && factor != nil {
		most := product(*n.most, *factor)
		child.most = &most
	}
	return child
}

// types returns the types of a schema that is ruled.
func (n *node) types() (*celTypes, error) {
	if !n.ruled || n.known != nil || n.err != nil {
		return n.known, n.err
	}
	if n.parent != nil {
		parent, err := n.parent.types()
		if err != nil {
			n.err = err
			return nil, err
		}
		if parent != nil {
			n.known = n.derive(parent)
		}
	}
	if n.known == nil {
		n.known, n.err = convert(n.schema, n.root || n.schema.XEmbeddedResource)
	}
	return n.known, n.err
}

func convert(schema *apiextensions.JSONSchemaProps, root bool) (*celTypes, error) {
	structural, err := structuralschema.NewStructural(schema)
	if err != nil {
		return nil, err
	}
	declared := model.SchemaDeclType(structural, root)
	if declared == nil {
		return nil, errors.New("unable to convert structural schema to CEL declarations")
	}
	return &celTypes{structural, declared}, nil
}

// maxElements returns how many values of a schema below this one there can be
// for each of this one, or nil.
func maxElements(s *apiextensions.JSONSchemaProps) *uint64 {
	one := uint64(1)
	limit := func(most *int64) *uint64 {
		if most == nil {
			return nil
		}
		limit := uint64(max(*most, 0))
		return &limit
	}
	switch {
	case s.Type == "object" && s.AdditionalProperties != nil:
		return limit(s.MaxProperties)
	case s.Type == "array":
		return limit(s.MaxItems)
	default:
		return &one
	}
}

// product is as much as can be if it would be more.
func product(a, b uint64) uint64 {
	if a != 0 && math.MaxUint64/a < b {
		return math.MaxUint64
	}
	return a * b
}

// total sums up what the rules of a schema cost.
type total struct {
	sum   uint64
	worst []charge // those that matter, the most expensive first
}

type charge struct {
	path *field.Path
	cost uint64
}

func (t *total) add(path *field.Path, cost uint64) {
	if t.sum > math.MaxUint64-cost {
		t.sum = math.MaxUint64
	} else {
		t.sum += cost
	}
	if cost < maxTotal/100 {
		return
	}
	t.worst = append(t.worst, charge{path, cost})
	slices.SortStableFunc(t.worst, func(a, b charge) int { return cmp.Compare(b.cost, a.cost) })
	t.worst = t.worst[:min(len(t.worst), 4)]
}

func (t *total) validate(path *field.Path) (errs field.ErrorList) {
	if t.sum <= maxTotal {
		return nil
	}
	for _, c := range t.worst {
		errs = append(errs, field.Forbidden(c.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"))
	}
	return append(errs, field.Forbidden(path, tooExpensive("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", t.sum, maxTotal)))
}

func tooExpensive(what string, cost, limit uint64) string {
	exceeds := float64(cost) / float64(limit)
	factor := fmt.Sprintf("%.1fx", exceeds)
	switch {
	case exceeds > 100:
		factor = "more than 100x"
	case exceeds < 1.5:
		factor = fmt.Sprintf("%fx", exceeds)
	}
	return what + " exceeds budget by factor of " + factor +
		" (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
}
