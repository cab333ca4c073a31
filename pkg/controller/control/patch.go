package control

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MergePatch returns the JSON merge patch (RFC 7386) that makes old into next,
// and nil if they are the same. Give it copies that hold only the fields the
// controller owns, at their paths, so that it cannot touch another's. The uid of
// identity guards the patch: it does nothing to another object of the name.
func MergePatch(identity metav1.Object, old, next any) ([]byte, error) {
	before, err := json.Marshal(old)
	if err != nil {
		return nil, fmt.Errorf("encode the old state of %s: %w", Key(identity), err)
	}
	after, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode the new state of %s: %w", Key(identity), err)
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		return nil, fmt.Errorf("compare two states of %s: %w", Key(identity), err)
	}
	if string(patch) == "{}" {
		return nil, nil
	}
	guard, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": identity.GetUID()}})
	if err != nil {
		return nil, fmt.Errorf("encode the uid of %s: %w", Key(identity), err)
	}
	return jsonpatch.MergeMergePatches(guard, patch)
}
