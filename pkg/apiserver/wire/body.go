package wire

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	kjson "sigs.k8s.io/json"

	"slowmo/pkg/apiserver/request"
)

// MaxBody is the size in bytes of the largest request body that is read.
const MaxBody = 3 << 20

// upstreamScheme is the name that kube-apiserver's registry of types has in
// its errors; clients see it when they send a kind that is not known.
const upstreamScheme = "pkg/runtime/scheme.go:111"

// ReadBody reads the whole body, up to MaxBody bytes.
func ReadBody(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refusal(http.StatusRequestTimeout)
	case err != nil:
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if len(data) > MaxBody {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", MaxBody))
	}
	return data, nil
}

// Decoder reads request bodies. It is safe for concurrent use.
type Decoder struct {
	plain, strict map[string]runtime.Decoder // by content type
}

// NewDecoder returns a decoder of the kinds that scheme knows.
func NewDecoder(scheme *runtime.Scheme) *Decoder {
	decoders := func(strict bool) map[string]runtime.Decoder {
		fromJSON := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Strict: strict})
		return map[string]runtime.Decoder{runtime.ContentTypeJSON: fromJSON, runtime.ContentTypeYAML: fromJSON,
			runtime.ContentTypeProtobuf: protobuf.NewSerializer(scheme, scheme),
			runtime.ContentTypeCBOR:     cbor.NewSerializer(scheme, scheme, cbor.Strict(strict))}
	}
	return &Decoder{plain: decoders(false), strict: decoders(true)}
}

// ContentType returns the media type of the body, or a 415 Status.
func (d *Decoder) ContentType(r *http.Request) (string, error) {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return runtime.ContentTypeJSON, nil
	}
	mediaType, _, err := mime.ParseMediaType(header)
	if err != nil || d.plain[mediaType] == nil {
		return "", unsupportedMedia()
	}
	return mediaType, nil
}

// Decode reads data of a content type into an object that must be of kind want,
// which it also is when the data does not say so. validation is the fieldValidation
// parameter: what is wrong with single fields is ignored, added to the
// request's warnings (also when empty), or an error. most is how many values it may have.
func (d *Decoder) Decode(state *request.State, contentType string, data []byte, into runtime.Object, want schema.GroupVersionKind, validation string, most int) error {
	decoder := d.strict[contentType]
	if validation == metav1.FieldValidationIgnore {
		decoder = d.plain[contentType]
	}
	obj, gvk, err := decode(decoder, contentType, data, &want, into, most)
	if apierrors.IsRequestEntityTooLargeError(err) {
		return err
	}
	if strict, ok := runtime.AsStrictDecodingError(err); ok && obj != nil && validation != metav1.FieldValidationStrict {
		if validation != metav1.FieldValidationIgnore {
			Warn(state, strict.Errors()...)
		}
		err = nil
	}
	switch {
	case err != nil:
		return decodeError(err, want.Kind, gvk, data)
	case obj != into:
		return decodeError(unknownConversion(*gvk, want), want.Kind, gvk, data)
	}
	into.GetObjectKind().SetGroupVersionKind(want)
	return nil
}

// Patched decodes the JSON that a patch made of an object of kind was, which it
// must still be. unknown are the fields that are unknown or there twice, if strict.
func (d *Decoder) Patched(data []byte, into runtime.Object, was schema.GroupVersionKind, strict bool) (unknown []error, err error) {
	decoder := d.plain[runtime.ContentTypeJSON]
	if strict {
		decoder = d.strict[runtime.ContentTypeJSON]
	}
	said, err := json.DefaultMetaFactory.Interpret(data)
	if err == nil && said.Version == "" {
		// Upstream takes it for its internal version, which knows no JSON but that.
		if unknown, err = kjson.UnmarshalStrict(data, &metav1.TypeMeta{}); !strict {
			unknown = nil
		}
		return unknown, err
	}
	obj, gvk, err := decoder.Decode(data, nil, into)
	if problems, ok := runtime.AsStrictDecodingError(err); ok {
		unknown, err = problems.Errors(), nil
	}
	switch {
	case runtime.IsNotRegisteredError(err):
		return nil, runtime.NewNotRegisteredErrForKind(upstreamScheme, *gvk)
	case err != nil:
		return nil, err
	case obj != into:
		return nil, unknownConversion(*gvk, was)
	}
	into.GetObjectKind().SetGroupVersionKind(was)
	return unknown, nil
}

// Warn tells the client of problems with single fields. Those of YAML are several in one text.
func Warn(state *request.State, problems ...error) {
	for _, problem := range problems {
		text, many := strings.CutPrefix(problem.Error(), "yaml: unmarshal errors:\n")
		if !many {
			state.Warn(text)
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			state.Warn(strings.TrimSpace(line))
		}
	}
}

func unknownConversion(from, to schema.GroupVersionKind) error {
	return fmt.Errorf("converting (%s.%s) to (%s.%s): unknown conversion", from.Version, from.Kind, internalPackage(to.Group), to.Kind)
}

// decode counts what it is about to decode.
func decode(decoder runtime.Decoder, contentType string, data []byte, want *schema.GroupVersionKind, into runtime.Object, most int) (runtime.Object, *schema.GroupVersionKind, error) {
	var twice error
	var err error
	if contentType == runtime.ContentTypeYAML {
		data, twice, err = FromYAML(data, most)
	} else {
		err = CheckBody(contentType, data, into, most)
	}
	if err != nil {
		return nil, nil, err
	}
	obj, gvk, err := decoder.Decode(data, want, into)
	strict, ok := runtime.AsStrictDecodingError(err)
	if twice == nil || err != nil && !ok {
		return obj, gvk, err
	}
	problems := []error{twice}
	if ok {
		problems = append(problems, strict.Errors()...)
	}
	return obj, gvk, runtime.NewStrictDecodingError(problems)
}

// decodeError is a 400 that names what was sent and what was wanted.
func decodeError(err error, want string, gvk *schema.GroupVersionKind, data []byte) error {
	if gvk == nil || gvk.Kind == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v (%s)", want, err, summary(data)))
	}
	if runtime.IsNotRegisteredError(err) {
		err = runtime.NewNotRegisteredErrForKind(upstreamScheme, *gvk)
	}
	return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", gvk.Kind, gvk.Version, want, err))
}

// internalPackage is the Go package of upstream's internal types, which it
// names in conversion errors.
func internalPackage(group string) string {
	if group == "" {
		return "core"
	}
	for i, c := range group {
		if c == '.' {
			return group[:i]
		}
	}
	return group
}

// summary shows the start of a body that could not be read.
func summary(data []byte) string {
	const limit = 30
	switch {
	case len(data) == 0:
		return "<empty>"
	case data[0] == '{' && len(data) > limit:
		return string(data[:limit]) + " ..."
	case data[0] == '{':
		return string(data)
	case len(data) > limit:
		return hex.EncodeToString(data[:limit]) + " ..."
	}
	return hex.EncodeToString(data)
}
