package request

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Note gathers what an audit event says beside a request's metadata. The
// request's own goroutine alone uses it.
type Note struct {
	WantRequest, WantResponse bool // the bodies are to be kept

	Object  metav1.Object  // in the body of the request; nil if there is none
	Status  *metav1.Status // the answer, if it is one
	Request []byte         // JSON
	// Response is JSON, and the object itself where the client asked for a Table.
	Response []byte
}

// NoteRequest keeps what was in the request's body: an object, options, a patch.
func (s *State) NoteRequest(body any) {
	if s.Note == nil {
		return
	}
	if obj, ok := body.(metav1.Object); ok {
		s.Note.Object = obj
	}
	if !s.Note.WantRequest {
		return
	}
	if data, err := json.Marshal(body); err == nil { // what was decoded can be encoded
		s.Note.Request = data
	}
}

// NoteResponse keeps the answer, which encode returns as JSON if it is wanted.
func (s *State) NoteResponse(encode func() ([]byte, error)) {
	if s.Note == nil || !s.Note.WantResponse {
		return
	}
	if data, err := encode(); err == nil { // else the answer fails too, and that is noted
		s.Note.Response = data
	}
}

// NoteStatus keeps an answer that is a Status.
func (s *State) NoteStatus(status *metav1.Status) {
	if s.Note != nil {
		s.Note.Status = status
	}
}
