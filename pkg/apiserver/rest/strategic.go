package rest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"slowmo/pkg/api"
	"slowmo/pkg/apiserver/wire"
)

// strategicPatch is an edit by a patch that knows how the lists of the kind are
// merged. The merge works on maps, and to turn an object into maps and back
// costs more than all else in a write; so only those parts of the object (spec, status)
// go that way which the patch names.
func (w *write) strategicPatch(body []byte) edit {
	patch := map[string]any{}
	strict, unreadable := kjson.UnmarshalStrict(body, &patch)
	if !w.strict() {
		strict = nil
	}
	return func(present api.Object) (api.Object, error) {
		if unreadable != nil {
			return nil, badRequest(unreadable)
		}
		before, rest := w.split(present, patch)
		asked := runtime.DeepCopyJSON(patch)
		next, unknown, err := w.mergeStrategic(before, asked)
		if err != nil {
			return nil, err
		}
		if rest != nil {
			rest(next)
		}
		return next, w.strictErrors(func() string { return fmt.Sprintf("%+v", asked) }, slices.Concat(strict, unknown))
	}
}

// split returns an object with nothing but the parts of present that patch
// names, and what puts the others into the outcome. rest is nil, and the object present
// itself, where the patch is about more than parts.
func (w *write) split(present api.Object, patch map[string]any) (named api.Object, rest func(into api.Object)) {
	parts := w.newBody()
	from, to := reflect.ValueOf(present).Elem(), reflect.ValueOf(parts).Elem()
	if from.Type() != to.Type() {
		return present, nil
	}
	found := 0
	var others []int
	for i := range from.NumField() {
		if from.Field(i).Type() == reflect.TypeFor[runtime.RawExtension]() {
			return present, nil // a patch takes the spaces out of raw data, and whether it changed shows
		}
		name, _, _ := strings.Cut(from.Type().Field(i).Tag.Get("json"), ",")
		if _, touched := patch[name]; name == "" || !touched {
			others = append(others, i)
			continue
		}
		found++
		to.Field(i).Set(from.Field(i))
	}
	if found < len(patch) { // kind, a directive, a field that there is not
		return present, nil
	}
	return parts, func(into api.Object) {
		to := reflect.ValueOf(into).Elem()
		for _, i := range others {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// mergeStrategic returns before with the patch in it, which it may change, and the
// fields that the kind does not have.
func (w *write) mergeStrategic(before api.Object, patch map[string]any) (next api.Object, unknown []error, err error) {
	maps, err := runtime.DefaultUnstructuredConverter.ToUnstructured(before)
	if err != nil {
		return nil, nil, err
	}
	after, err := strategicpatch.StrategicMergeMapPatch(maps, patch, w.newBody())
	if err != nil {
		return nil, nil, strategicError(err)
	}
	next = w.newBody()
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(after, next, w.strict())
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		return next, strict.Errors(), nil
	}
	if err != nil {
		return nil, nil, invalidPatch(fmt.Sprintf("%+v", patch), err)
	}
	return next, nil, nil
}

// strategicError tells a patch that makes no sense from one that does not fit.
func strategicError(err error) error {
	switch {
	case errors.Is(err, mergepatch.ErrBadJSONDoc), errors.Is(err, mergepatch.ErrBadPatchFormatForPrimitiveList),
		errors.Is(err, mergepatch.ErrBadPatchFormatForRetainKeys), errors.Is(err, mergepatch.ErrBadPatchFormatForSetElementOrderList),
		errors.Is(err, mergepatch.ErrUnsupportedStrategicMergePatchFormat):
		return badRequest(err)
	case errors.Is(err, mergepatch.ErrNoListOfLists), errors.Is(err, mergepatch.ErrPatchContentNotMatchRetainKeys):
		return wire.Unprocessable(err.Error())
	}
	return err
}
