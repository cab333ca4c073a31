package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// What bounds the work that one patch can ask for.
const (
	maxPatchOperations = 10000
	maxPatchValues     = 10 * maxPatchOperations // in a JSON patch, and in what any patch makes
	maxPatchCopies     = 3 << 20                 // bytes that a JSON patch's copies make
)

func init() { jsonpatch.AccumulatedCopySizeLimit = maxPatchCopies }

// patch changes an object by a description of the change, on the state that
// storage holds at that moment.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
func (c *call) patch() error {
	kind, err := c.patchType()
	if err != nil {
		return err
	}
	media, tables, err := c.negotiate(wire.Shapes)
	if err != nil {
		return err
	}
	body, err := wire.ReadBody(c.r)
	if err != nil {
		return err
	}
	options, err := c.patchOptions(kind)
	if err != nil {
		return err
	}
	w := &write{call: c, options: options, dryRun: dryRun(options.DryRun), patched: true,
		manager: c.manager(options.FieldManager), validation: options.FieldValidation}
	m := &modification{write: w}
	switch kind {
	case types.MergePatchType, types.StrategicMergePatchType:
		if err := wire.CheckBody(runtime.ContentTypeJSON, body, nil); err != nil {
			return err
		}
		fallthrough
	case types.JSONPatchType:
		c.state.NoteRequest(json.RawMessage(body))
	}
	switch kind {
	case types.JSONPatchType:
		m.edit, err = w.jsonPatch(body)
	case types.MergePatchType:
		m.edit, err = w.mergePatch(body)
	case types.StrategicMergePatchType:
		m.edit, err = w.strategicPatch(body)
	case types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		m.mayCreate = c.sub == nil
		m.edit, err = w.applyPatch(kind, body, options.Force != nil && *options.Force)
	}
	if err != nil {
		return err
	}
	from, err := m.run()
	if err != nil {
		return err
	}
	return m.respond(media, tables, from)
}

func (c *call) patchType() (types.PatchType, error) {
	mediaType, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return "", wire.PatchType()
	}
	switch kind := types.PatchType(mediaType); kind {
	case types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType:
		return kind, nil
	case types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		if c.sub == nil || !c.sub.view { // a view owns no fields of its own
			return kind, nil
		}
	}
	return "", wire.PatchType()
}

func (c *call) patchOptions(kind types.PatchType) (*metav1.PatchOptions, error) {
	query, options := c.r.URL.Query(), &metav1.PatchOptions{}
	if err := metav1.Convert_url_Values_To_v1_PatchOptions(&query, options, nil); err != nil {
		return nil, badRequest(err)
	}
	options.TypeMeta = optionsType("PatchOptions")
	return options, invalidOptions("PatchOptions", validation.ValidatePatchOptions(options, kind))
}

type edit = func(present api.Object) (api.Object, error)

func (w *write) jsonPatch(body []byte) (edit, error) {
	if wire.JSONValues(body, maxPatchValues) > maxPatchValues {
		return nil, tooLargePatch(fmt.Sprintf("more than %d values", maxPatchValues))
	}
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, badRequest(err)
	}
	if len(patch) > maxPatchOperations {
		return nil, tooLargePatch(fmt.Sprint(len(patch)))
	}
	strict, err := w.duplicates(body, &[]any{})
	if err != nil {
		return nil, err
	}
	return w.editJSON(strict, func(before []byte) ([]byte, error) {
		after, err := patch.Apply(before)
		var copies *jsonpatch.AccumulatedCopySizeError
		switch {
		case errors.As(err, &copies):
			return nil, apierrors.NewRequestEntityTooLargeError(err.Error())
		case err != nil:
			return nil, wire.Unprocessable(err.Error())
		}
		return after, nil
	}), nil
}

func tooLargePatch(got string) error {
	return apierrors.NewRequestEntityTooLargeError(
		fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %s", maxPatchOperations, got))
}

func (w *write) mergePatch(body []byte) (edit, error) {
	strict, err := w.duplicates(body, &map[string]any{})
	if err != nil {
		return nil, err
	}
	return w.editJSON(strict, func(before []byte) ([]byte, error) {
		after, err := jsonpatch.MergePatch(before, body)
		return after, badRequest(err)
	}), nil
}

// duplicates finds the keys that a patch has twice, and 400 if it is no JSON.
func (w *write) duplicates(body []byte, into any) ([]error, error) {
	if w.validation == metav1.FieldValidationIgnore {
		return nil, nil
	}
	strict, err := kjson.UnmarshalStrict(body, into)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
	}
	return strict, nil
}

// editJSON is an edit of the object's JSON.
func (w *write) editJSON(strict []error, change func([]byte) ([]byte, error)) edit {
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
		unknown, err := kjson.UnmarshalStrict(after, next)
		if err != nil {
			return nil, invalidPatch(string(after), err)
		}
		if kind := next.GetObjectKind().GroupVersionKind(); kind != present.GetObjectKind().GroupVersionKind() {
			return nil, invalidPatch(string(after), fmt.Errorf("no kind %q is registered for version %q: a patch cannot change what an object is", kind.Kind, kind.GroupVersion()))
		}
		return next, w.strictErrors(func() string { return string(after) }, append(strict[:len(strict):len(strict)], unknown...))
	}
}

func (w *write) applyPatch(kind types.PatchType, body []byte, force bool) (edit, error) {
	wanted, twice, err := decodeApply(kind, body)
	if err != nil {
		return nil, err
	}
	w.state.NoteRequest(wanted)
	return func(present api.Object) (api.Object, error) {
		patch := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(wanted)}
		merged, err := w.owners().Apply(w.manager, present, patch, force)
		w.applied = err == nil
		if err != nil || w.validation == metav1.FieldValidationIgnore {
			return merged, err
		}
		switch {
		case twice == nil:
		case w.validation == metav1.FieldValidationStrict:
			return nil, apierrors.NewBadRequest(fmt.Sprintf("error strict decoding YAML: %v", twice))
		default:
			w.state.Warn(twice.Error())
		}
		return merged, nil
	}, nil
}

// decodeApply reads what an apply wants. twice says that a key is there twice,
// which it never is in CBOR.
func decodeApply(kind types.PatchType, body []byte) (wanted map[string]any, twice, err error) {
	if kind == types.ApplyCBORPatchType {
		if err := wire.CheckBody(runtime.ContentTypeCBOR, body, nil); err != nil {
			return nil, nil, err
		}
		if err := direct.Unmarshal(body, &wanted); err != nil {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding CBOR: %v", err))
		}
		return wanted, nil, nil
	}
	data, twice, err := wire.FromYAML(body)
	if err == nil {
		err = json.Unmarshal(data, &wanted)
	}
	switch {
	case apierrors.IsRequestEntityTooLargeError(err):
		return nil, nil, err
	case err != nil:
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	return wanted, twice, nil
}

func (w *write) newBody() api.Object {
	if w.sub != nil {
		return w.sub.New()
	}
	return w.form.New()
}

// strictErrors are unknown and doubled fields: ignored, warned of or refused.
func (w *write) strictErrors(patched func() string, errs []error) error {
	switch {
	case len(errs) == 0 || w.validation == metav1.FieldValidationIgnore:
		return nil
	case w.validation == metav1.FieldValidationStrict:
		return invalidPatch(patched(), runtime.NewStrictDecodingError(errs))
	}
	for _, err := range errs {
		w.state.Warn(err.Error())
	}
	return nil
}

func invalidPatch(patched string, err error) error {
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), patched, err.Error())})
}
