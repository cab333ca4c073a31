package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// facts are what upstream's documents say of fields and what neither Go's types
// nor the merge schema show: it stands in comments of the sources.
type facts struct {
	Required map[string][]string `json:"required"` // by type: all fields that must be there
	Enums    map[string][]string `json:"enums"`    // by type.field: the values that a string, or those in a list or map, can have
	Lists    map[string]struct { // by type.field: how a list is merged
		Type string   `json:"type"`
		Keys []string `json:"keys"`
	} `json:"lists"`
	Maps     map[string]string `json:"maps"`     // by type.field: how a map or an object is merged
	Defaults map[string]any    `json:"defaults"` // by type.field: in version 3; null for none
	Unions   map[string][]any  `json:"unions"`   // by type: of which fields one is set
	Groups   []string          `json:"groups"`   // the group-versions that have DeleteOptions and WatchEvent
}

//go:embed facts.json
var factsJSON []byte

func readFacts() (f facts, err error) {
	if err := json.Unmarshal(factsJSON, &f); err != nil {
		return f, fmt.Errorf("facts.json: %w", err)
	}
	return f, nil
}

// everywhere are the group-versions that have what each has.
func (f facts) everywhere() (all []runtimeschema.GroupVersion) {
	for _, text := range f.Groups {
		if gv, err := runtimeschema.ParseGroupVersion(text); err == nil {
			all = append(all, gv)
		}
	}
	return all
}

// everywhereIn are those that the document of one group-version speaks of.
func everywhereIn(gv runtimeschema.GroupVersion) []runtimeschema.GroupVersion {
	return slices.Compact([]runtimeschema.GroupVersion{{Version: "v1"}, gv})
}
