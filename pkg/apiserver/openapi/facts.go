package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// facts are what upstream's documents say of fields and what neither Go's types
// nor the merge schema show: it stands in comments of the sources.
type facts struct {
	Required map[string][]string `json:"required"` // by type: all fields that must be there
	Enums    map[string][]string `json:"enums"`    // by type.field: the values that a string or a list's strings can have
	Lists    map[string]struct { // by type.field: how a list is merged
		Type string   `json:"type"`
		Keys []string `json:"keys"`
	} `json:"lists"`
}

//go:embed facts.json
var factsJSON []byte

func readFacts() (f facts, err error) {
	if err := json.Unmarshal(factsJSON, &f); err != nil {
		return f, fmt.Errorf("facts.json: %w", err)
	}
	return f, nil
}
