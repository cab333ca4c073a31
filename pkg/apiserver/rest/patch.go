package rest

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

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
	w := &write{call: c, options: options, dryRun: dryRun(options.DryRun),
		manager: c.manager(options.FieldManager), validation: options.FieldValidation}
	m := &modification{write: w}
	if m.edit, err = w.patchEdit(kind, body, options); err != nil {
		return err
	}
	m.createIfAbsent = (kind == types.ApplyYAMLPatchType || kind == types.ApplyCBORPatchType) && c.sub == nil
	from, err := m.run()
	if err != nil {
		return err
	}
	return m.respond(media, tables, from)
}

// edit makes the next state of an object out of the present one. It may be called
// again, with a newer one.
type edit = func(present api.Object) (api.Object, error)

// patchEdit is the edit that a patch asks for. What cannot be read or is too much is
// refused here; what makes no sense only when there is an object to change.
func (w *write) patchEdit(kind types.PatchType, body []byte, options *metav1.PatchOptions) (edit, error) {
	switch kind {
	case types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		return w.applyPatch(kind, body, options.Force != nil && *options.Force)
	case types.JSONPatchType:
		if wire.JSONValues(body, maxPatchValues) > maxPatchValues {
			return nil, tooLargePatch(fmt.Sprintf("more than %d values", maxPatchValues))
		}
	default:
		if err := wire.CheckBody(runtime.ContentTypeJSON, body, nil, w.mostValues()); err != nil {
			return nil, err
		}
	}
	if !json.Valid(body) {
		return nil, apierrors.NewBadRequest("invalid JSON patch")
	}
	w.state.NoteRequest(json.RawMessage(body))
	switch kind {
	case types.JSONPatchType:
		return w.jsonPatch(body), nil
	case types.MergePatchType:
		return w.mergePatch(body), nil
	}
	return w.strategicPatch(body), nil
}

func (c *call) patchType() (types.PatchType, error) {
	mediaType, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	switch kind := types.PatchType(mediaType); kind {
	case types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType, types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		return kind, nil
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

// mostValues is how many values a body may have.
func (c *call) mostValues() int {
	if c.sub != nil && c.sub.view {
		return wire.MaxValues
	}
	return max(wire.MaxValues, c.resource.MaxValues)
}

func (w *write) newBody() api.Object {
	if w.sub != nil {
		return w.sub.New()
	}
	return w.form.New()
}

// strict says whether unknown and doubled fields are looked for.
func (w *write) strict() bool { return w.validation != metav1.FieldValidationIgnore }

// strictErrors are unknown and doubled fields: warned of or refused.
func (w *write) strictErrors(patched func() string, errs []error) error {
	switch {
	case len(errs) == 0:
		return nil
	case w.validation == metav1.FieldValidationStrict:
		return invalidPatch(patched(), runtime.NewStrictDecodingError(errs))
	}
	wire.Warn(w.state, errs...)
	return nil
}

func invalidPatch(patched string, err error) error {
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), patched, err.Error())})
}
