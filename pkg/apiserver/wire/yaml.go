package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// YAML is read by way of JSON. Most of what is sent as YAML is JSON, which is
// YAML too, and is spared the slower parser.

const (
	// maxYAML is the size in bytes of the largest document that is no JSON: more
	// takes too long to read, and is more than etcd takes.
	maxYAML = 2 << 20
	// maxAliased is that of one with aliases, which is read twice.
	maxAliased = 512 << 10
)

// FromYAML returns the JSON of YAML. twice says that a key is there twice, of
// which the last one counts. Too large a document is a 413 Status, also one that
// is small until its aliases are followed, and one with more than most values.
func FromYAML(data []byte, most int) (asJSON []byte, twice, err error) {
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(data) {
		if !jsonFits(data, most) {
			return nil, nil, tooManyValues(most)
		}
		if strict, err := kjson.UnmarshalStrict(data, &map[string]any{}, kjson.DisallowDuplicateFields); err == nil && len(strict) == 0 {
			return data, nil, nil
		} // else the other parser has the words for it
	}
	if err := checkYAML(data, most); err != nil {
		return nil, nil, err
	}
	if asJSON, twice = yaml.YAMLToJSONStrict(data); twice != nil {
		if asJSON, err = yaml.YAMLToJSON(data); err != nil {
			return nil, nil, err
		}
	}
	if !jsonFits(asJSON, most) {
		return nil, nil, tooManyValues(most)
	}
	return asJSON, twice, nil
}

func checkYAML(data []byte, most int) error {
	switch {
	case len(data) > maxYAML:
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d for YAML that is not JSON", maxYAML))
	case !yamlFits(data, most):
		return tooManyValues(most)
	case !marked(data, '&') || !marked(data, '*'):
		return nil
	case len(data) > maxAliased:
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d for YAML with aliases", maxAliased))
	}
	var document yamlv3.Node
	if yamlv3.Unmarshal(data, &document) != nil {
		return nil // for the parser that counts to refuse
	}
	if weigh(&document, map[*yamlv3.Node]int{}) > MaxBody {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d with aliases followed", MaxBody))
	}
	return nil
}

// marked says whether data may hold an anchor (&a) or an alias (*a); texts have
// their likes.
func marked(data []byte, mark byte) bool {
	const around = " \t\r\n,[]{}"
	for i, b := range data {
		if b == mark && (i == 0 || strings.IndexByte(around, data[i-1]) >= 0) &&
			i+1 < len(data) && strings.IndexByte(around, data[i+1]) < 0 {
			return true
		}
	}
	return false
}

// nodeWeight is what a node costs beside its text, in bytes.
const nodeWeight = 16

// weigh returns the size of a node with its aliases followed, or a little more
// than MaxBody. known holds what has been weighed.
func weigh(n *yamlv3.Node, known map[*yamlv3.Node]int) int {
	if size, ok := known[n]; ok {
		return size
	}
	known[n] = MaxBody + 1 // of one that holds itself
	size := nodeWeight + len(n.Value)
	if n.Alias != nil {
		size += weigh(n.Alias, known)
	}
	for _, child := range n.Content {
		if size > MaxBody {
			break
		}
		size += weigh(child, known)
	}
	known[n] = size
	return size
}
