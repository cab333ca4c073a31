package wire

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ofAnyGroup knows no kind, and so takes the options of a request from whichever
// group a client says that they are.
var ofAnyGroup = NewDecoder(runtime.NewScheme())

// DecodeOptions reads the options of a request that stand in its body. Fields that
// they do not have are ignored.
func (d *Decoder) DecodeOptions(contentType string, data []byte, into runtime.Object, kind string) error {
	decoder := ofAnyGroup.plain[contentType]
	if contentType == runtime.ContentTypeCBOR { // which wants to know the kind
		decoder = d.plain[contentType]
	}
	want := schema.GroupVersionKind{Version: "v1", Kind: kind}
	_, gvk, err := decode(decoder, contentType, data, &want, into, MaxValues)
	switch {
	case apierrors.IsRequestEntityTooLargeError(err):
		return err
	case gvk != nil && gvk.Kind != kind && gvk.Kind != "":
		err = runtime.NewNotRegisteredErrForKind(upstreamScheme, *gvk)
	}
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return nil
}
