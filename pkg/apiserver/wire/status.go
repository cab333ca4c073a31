package wire

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// StatusOf makes the Status that a client sees of an error. Storage's own
// errors must have been turned into API errors before; what is not an API error
// is a 500.
func StatusOf(err error) *metav1.Status {
	status := metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
	var api apierrors.APIStatus
	if errors.As(err, &api) {
		status = api.Status()
	}
	if status.Status == "" {
		status.Status = metav1.StatusFailure
	}
	if status.Code == 0 {
		status.Code = http.StatusInternalServerError
	}
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return &status
}

// Error answers with the Status of err, in the media type that the request
// accepts or else in JSON as people read it. It is the one place where errors are written.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	status := StatusOf(err)
	media, negotiation := Negotiate(r, Plain)
	if negotiation != nil {
		media = Media{Type: runtime.ContentTypeJSON, Pretty: true}
	}
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	WriteAs(w, r, media, int(status.Code), status)
}

// NotFoundRoute is the answer to a resource path that no resource serves.
func NotFoundRoute() error { return generic(http.StatusNotFound, "404: Page Not Found") }

// MethodNotAllowed is the answer to a verb that the resource does not have.
func MethodNotAllowed() error { return generic(http.StatusMethodNotAllowed, "405: Method Not Allowed") }

// PatchType is the answer to a PATCH in a media type that the resource does not take.
func PatchType() error {
	return generic(http.StatusUnsupportedMediaType, "415: Unsupported Media Type")
}

// Unprocessable is the answer to a patch that could be read and not applied.
func Unprocessable(message string) error { return generic(http.StatusUnprocessableEntity, message) }

// TooManyHeaders is the answer to a flood of them.
func TooManyHeaders() error { return refusal(http.StatusRequestHeaderFieldsTooLarge) }

// refusal is for codes that Kubernetes has no words for.
func refusal(code int) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: int32(code), Message: fmt.Sprintf("%d: %s", code, http.StatusText(code))}}
}

func generic(code int, message string) error {
	return apierrors.NewGenericServerResponse(code, "", schema.GroupResource{}, "", message, 0, false)
}
