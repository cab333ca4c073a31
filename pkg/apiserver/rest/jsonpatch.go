package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kjson "sigs.k8s.io/json"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// Patches of an object's JSON: RFC 6902's list of operations and RFC 7396's merge.

// jsonPatchOp is what an operation can say. Errors show its name.
type jsonPatchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	From  string `json:"from"`
	Value any    `json:"value"`
}

// jsonPatch is an edit by operations.
func (w *write) jsonPatch(body []byte) edit {
	doubtful, err := w.doubtful(body, &[]jsonPatchOp{})
	for i, problem := range doubtful {
		doubtful[i] = fmt.Errorf("json patch %w", problem)
	}
	var patch jsonpatch.Patch
	if err == nil {
		patch, err = jsonpatch.DecodePatch(body)
		err = badRequest(err)
	}
	if err == nil && len(patch) > maxPatchOperations {
		err = tooLargePatch(fmt.Sprint(len(patch)))
	}
	return w.editJSON(doubtful, func(before []byte) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		after, err := patch.Apply(before)
		var copies *jsonpatch.AccumulatedCopySizeError
		switch {
		case errors.As(err, &copies):
			return nil, apierrors.NewRequestEntityTooLargeError(err.Error())
		case err != nil:
			return nil, wire.Unprocessable(err.Error())
		}
		return after, nil
	})
}

func tooLargePatch(got string) error {
	return apierrors.NewRequestEntityTooLargeError(
		fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %s", maxPatchOperations, got))
}

// mergePatch is an edit by an object that is like the outcome in part.
func (w *write) mergePatch(body []byte) edit {
	doubtful, err := w.doubtful(body, &map[string]any{})
	return w.editJSON(doubtful, func(before []byte) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		after, err := jsonpatch.MergePatch(before, body)
		return after, badRequest(err)
	})
}

// doubtful finds the keys that a patch has twice or that into does not have, and
// returns an error if the patch is not what into is.
func (w *write) doubtful(body []byte, into any) ([]error, error) {
	if !w.strict() {
		return nil, nil
	}
	problems, err := kjson.UnmarshalStrict(body, into)
	if err != nil {
		text := strings.ReplaceAll(err.Error(), "rest.jsonPatchOp", "handlers.jsonPatchOp") // upstream's package
		return nil, apierrors.NewBadRequest("error decoding patch: " + text)
	}
	return problems, nil
}

// editJSON is an edit of the object's JSON.
func (w *write) editJSON(doubtful []error, change func([]byte) ([]byte, error)) edit {
	return func(present api.Object) (api.Object, error) {
		before, err := json.Marshal(present)
		if err != nil {
			return nil, err
		}
		after, err := change(before)
		if err != nil {
			return nil, err
		}
		if wire.JSONValues(after, maxPatchValues) > maxPatchValues {
			return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d values", maxPatchValues))
		}
		next := w.newBody()
		unknown, err := w.decoder.Patched(after, next, present.GetObjectKind().GroupVersionKind(), w.strict())
		if err != nil {
			return nil, invalidPatch(string(after), err)
		}
		return next, w.strictErrors(func() string { return string(after) }, slices.Concat(doubtful, unknown))
	}
}
