package rest

import (
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// applyPatch is an edit by what a manager wants of an object, which may not exist yet.
//
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
func (w *write) applyPatch(kind types.PatchType, body []byte, force bool) (edit, error) {
	wanted, twice, err := decodeApply(kind, body, w.mostValues())
	if err != nil {
		return nil, err
	}
	w.state.NoteRequest(wanted)
	return func(present api.Object) (api.Object, error) {
		patch := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(wanted)}
		merged, err := w.owners().Apply(w.manager, present, patch, force)
		if err != nil {
			return nil, err
		}
		w.applied = true
		switch {
		case twice == nil || !w.strict():
		case w.validation == metav1.FieldValidationStrict:
			return nil, apierrors.NewBadRequest(fmt.Sprintf("error strict decoding patch: error converting YAML to JSON: %v", twice))
		default:
			wire.Warn(w.state, twice)
		}
		return merged, nil
	}, nil
}

// decodeApply reads what an apply wants. twice says that a key is there twice,
// which it never is in CBOR.
func decodeApply(kind types.PatchType, body []byte, most int) (wanted map[string]any, twice, err error) {
	if kind == types.ApplyCBORPatchType {
		if err := wire.CheckBody(runtime.ContentTypeCBOR, body, nil, most); err != nil {
			return nil, nil, err
		}
		if err := direct.Unmarshal(body, &wanted); err != nil {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
		}
		return wanted, nil, nil
	}
	data, twice, err := wire.FromYAML(body, most)
	switch {
	case apierrors.IsRequestEntityTooLargeError(err):
		return nil, nil, err
	case err != nil && !yaml.IsJSONBuffer(body):
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error encoding patch: %v", err))
	case err != nil:
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: error converting YAML to JSON: %v", err))
	}
	if err := json.Unmarshal(data, &wanted); err != nil {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: error unmarshaling JSON: while decoding JSON: %v", err))
	}
	return wanted, twice, nil
}
