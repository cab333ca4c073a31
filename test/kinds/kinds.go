// Package kinds has an object of each kind that is served, for tests that go
// through all of them.
package kinds

import (
	_ "embed"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/api"
	"slowmo/pkg/api/all"
)

//go:embed kinds.yaml
var manifests string

// Kind is a kind and an object of it.
type Kind struct {
	*api.Resource
	Object   unstructured.Unstructured // without a namespace
	Manifest string                    // the same as a person writes it
}

// In returns the object of every kind that is served and stored, for namespace.
// A kind without one is an error.
func In(namespace string) ([]Kind, error) {
	written := map[schema.GroupVersionKind]Kind{}
	for document := range strings.SplitSeq(strings.ReplaceAll(manifests, "NAMESPACE", namespace), "\n---\n") {
		var k Kind
		if err := yaml.UnmarshalStrict([]byte(document), &k.Object.Object); err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		k.Manifest = document
		written[k.Object.GroupVersionKind()] = k
	}
	var kinds []Kind
	for _, r := range all.Resources() {
		if r.Virtual {
			continue
		}
		k, ok := written[r.GroupVersionKind()]
		if !ok {
			return nil, fmt.Errorf("kinds.yaml has no %s", r.GroupVersionKind())
		}
		k.Resource = r
		kinds = append(kinds, k)
	}
	return kinds, nil
}
