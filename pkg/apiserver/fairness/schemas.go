package fairness

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/types"

	flowcontrolapi "slowmo/pkg/api/flowcontrol"
	"slowmo/pkg/apiserver/follow"
	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/storage"
)

// Class is what a request is taken for: by the first FlowSchema that is about it,
// and the PriorityLevelConfiguration which that names.
type Class struct {
	Schema, Level       string
	SchemaUID, LevelUID types.UID // empty while the object is not stored
	exempt              bool      // it never waits
}

// Schemas are the FlowSchemas and PriorityLevelConfigurations that are stored.
// They must Load, and Run for them to follow.
type Schemas struct {
	follow.Group
	collection *storage.Collection // of the FlowSchemas
	order      atomic.Pointer[[]rule]
	changed    chan struct{} // has room for one

	mu      sync.Mutex
	schemas map[string]*flowcontrolv1.FlowSchema
	levels  map[string]*flowcontrolv1.PriorityLevelConfiguration
}

// rule is a FlowSchema whose level is there.
type rule struct {
	schema *flowcontrolv1.FlowSchema
	class  Class
}

// NewSchemas follows the objects in store.
func NewSchemas(store *storage.Store) *Schemas {
	s := &Schemas{collection: store.Collection(flowcontrolapi.FlowSchema), changed: make(chan struct{}, 1),
		schemas: map[string]*flowcontrolv1.FlowSchema{}, levels: map[string]*flowcontrolv1.PriorityLevelConfiguration{}}
	s.Group = follow.Group{
		follow.New(store.Collection(flowcontrolapi.PriorityLevelConfiguration), func(_, name string, level *flowcontrolv1.PriorityLevelConfiguration) {
			set(s, s.levels, name, level, level == nil)
		}),
		follow.New(s.collection, func(_, name string, schema *flowcontrolv1.FlowSchema) { set(s, s.schemas, name, schema, schema == nil) }),
	}
	return s
}

// Builtin returns the schemas and levels of a new cluster, which follow nothing.
func Builtin() *Schemas {
	s := &Schemas{schemas: map[string]*flowcontrolv1.FlowSchema{}, levels: map[string]*flowcontrolv1.PriorityLevelConfiguration{}}
	for _, schema := range flowcontrolapi.FlowSchemas() {
		s.schemas[schema.Name] = schema
	}
	for _, level := range flowcontrolapi.PriorityLevels() {
		s.levels[level.Name] = level
	}
	s.order.Store(ordered(s.schemas, s.levels))
	return s
}

// set notes one object, and makes the order anew.
func set[T any](s *Schemas, all map[string]T, name string, obj T, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if all[name] = obj; gone {
		delete(all, name)
	}
	s.order.Store(ordered(s.schemas, s.levels))
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// ordered returns the schemas as they are asked. The two that a server cannot do
// without are there even while they are not stored, and those that name no level
// that there is are left out.
func ordered(schemas map[string]*flowcontrolv1.FlowSchema, levels map[string]*flowcontrolv1.PriorityLevelConfiguration) *[]rule {
	var rules []rule
	add := func(schema *flowcontrolv1.FlowSchema) {
		name := schema.Spec.PriorityLevelConfiguration.Name
		level := levels[name]
		if level == nil && mandatory(name) {
			level = &flowcontrolv1.PriorityLevelConfiguration{}
			level.Name, level.Spec.Type = name, flowcontrolv1.PriorityLevelEnablementLimited
			if name == flowcontrolv1.PriorityLevelConfigurationNameExempt {
				level.Spec.Type = flowcontrolv1.PriorityLevelEnablementExempt
			}
		}
		if level != nil {
			rules = append(rules, rule{schema, Class{schema.Name, level.Name, schema.UID, level.UID,
				level.Spec.Type == flowcontrolv1.PriorityLevelEnablementExempt}})
		}
	}
	for _, schema := range schemas {
		add(schema)
	}
	for _, schema := range flowcontrolapi.FlowSchemas() {
		if mandatory(schema.Name) && schemas[schema.Name] == nil {
			add(schema)
		}
	}
	slices.SortFunc(rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.schema.Spec.MatchingPrecedence, b.schema.Spec.MatchingPrecedence), cmp.Compare(a.class.Schema, b.class.Schema))
	})
	return &rules
}

// mandatory are the schemas, and the levels of the same names, that are always there.
func mandatory(name string) bool {
	return name == flowcontrolv1.FlowSchemaNameExempt || name == flowcontrolv1.FlowSchemaNameCatchAll
}

// Classify returns the class of a request.
func (s *Schemas) Classify(user *request.User, info *request.Info) Class {
	rules := *s.order.Load()
	for i := range rules {
		if covers(rules[i].schema, user, info) {
			return rules[i].class
		}
	}
	last := slices.IndexFunc(rules, func(r rule) bool { return r.class.Schema == flowcontrolv1.FlowSchemaNameCatchAll })
	return rules[last].class
}

// Load makes the order even if nothing is stored.
func (s *Schemas) Load(ctx context.Context) error {
	s.order.Store(ordered(nil, nil))
	return s.Group.Load(ctx)
}
