package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/util/net"
	"sigs.k8s.io/yaml"

	"slowmo/pkg/apiserver/request"
	"slowmo/pkg/component/tracing"
)

// gzipFrom is the size in bytes from which an answer is compressed for clients
// that accept it: below, the time costs more than the bytes.
const gzipFrom = 128 << 10

var newline = []byte("\n")

// Parts is an answer's body as slices that are written one after another. The
// slices may be shared with other answers: nobody changes them.
type Parts [][]byte

func (p Parts) size() (n int) {
	for _, part := range p {
		n += len(part)
	}
	return n
}

// Join returns the body as one slice.
func (p Parts) Join() []byte {
	out := make([]byte, 0, p.size())
	for _, part := range p {
		out = append(out, part...)
	}
	return out
}

// Write answers with an object that is no stored one: a Status, a review, a
// discovery document. obj must have its TypeMeta set.
func Write(w http.ResponseWriter, r *http.Request, code int, obj runtime.Object) {
	media, err := Negotiate(r, Plain)
	if err != nil {
		Error(w, r, err)
		return
	}
	WriteAs(w, r, media, code, obj)
}

// WriteAs is Write in a media type that has been negotiated.
func WriteAs(w http.ResponseWriter, r *http.Request, media Media, code int, obj runtime.Object) {
	state := request.From(r.Context())
	if status, ok := obj.(*metav1.Status); ok {
		state.NoteStatus(status)
	}
	state.NoteResponse(func() ([]byte, error) { return json.Marshal(obj) })
	parts, err := encode(media, obj)
	if err != nil {
		Respond(w, r, JSON, http.StatusNotAcceptable, Parts{mustJSON(StatusOf(err))})
		return
	}
	Respond(w, r, media, code, parts)
}

// encode encodes obj anew, by its own TypeMeta.
func encode(media Media, obj runtime.Object) (Parts, error) {
	switch media.Type {
	case runtime.ContentTypeProtobuf:
		raw, err := marshalProto(obj)
		if err != nil {
			return nil, err
		}
		return envelope(obj.GetObjectKind().GroupVersionKind(), raw), nil
	case runtime.ContentTypeCBOR:
		data, err := direct.Marshal(obj)
		return Parts{selfDescribed, data}, err
	}
	data, err := json.Marshal(obj)
	return Parts{data}, err
}

func mustJSON(status *metav1.Status) []byte {
	data, err := json.Marshal(status)
	if err != nil {
		return []byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":500}`)
	}
	return data
}

// Respond sends a body that is complete. parts hold JSON for the JSON and YAML
// media types. JSON ends with a newline, as kube-apiserver's does.
func Respond(w http.ResponseWriter, r *http.Request, media Media, code int, parts Parts) {
	span := spanOf(r, media.Type)
	defer span.End()
	parts = shaped(media, parts)
	head(w, r, media.Type+media.Suffix)
	if parts.size() >= gzipFrom && acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Add("Vary", "Accept-Encoding")
		w.WriteHeader(code)
		sendCompressed(w, parts)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(parts.size()))
	w.WriteHeader(code)
	send(w, parts)
}

// shaped returns JSON as the media type wants it, and what is none as it is.
func shaped(media Media, parts Parts) Parts {
	switch {
	case media.Type == runtime.ContentTypeYAML:
		if data, err := yaml.JSONToYAML(parts.Join()); err == nil { // JSON is YAML, at worst
			return Parts{data}
		}
	case media.Type == runtime.ContentTypeJSON && media.Pretty:
		var buf bytes.Buffer
		if json.Indent(&buf, parts.Join(), "", "  ") == nil {
			return Parts{buf.Bytes()}
		}
	case media.Type == runtime.ContentTypeJSON:
		return append(parts, newline)
	}
	return parts
}

// spanOf begins the span of an answer.
func spanOf(r *http.Request, mediaType string) trace.Span {
	_, span := tracing.Start(r.Context(), "SerializeObject", func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("method", r.Method), attribute.String("url", r.URL.Path),
			attribute.String("protocol", r.Proto), attribute.String("mediaType", mediaType)}
	})
	return span
}

// Small writes to a response cost more than copies do: each takes its turn with
// those of the connection's other streams.
var (
	listBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}
	compressors = sync.Pool{New: func() any {
		zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that there is
		return zip
	}}
)

// send writes until the client is gone; there is nobody left to tell then.
func send(w io.Writer, parts Parts) {
	out := listBuffers.Get().(*bufio.Writer)
	defer listBuffers.Put(out)
	out.Reset(w)
	defer out.Reset(nil)
	for _, part := range parts {
		if _, err := out.Write(part); err != nil {
			return
		}
	}
	_ = out.Flush()
}

// sendCompressed is send through gzip.
func sendCompressed(w io.Writer, parts Parts) {
	zip := compressors.Get().(*gzip.Writer)
	defer compressors.Put(zip)
	zip.Reset(w)
	send(zip, parts)
	_ = zip.Close()
}

// head sets the headers that say what follows.
func head(w http.ResponseWriter, r *http.Request, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	for _, text := range request.From(r.Context()).Warnings() {
		if header, err := net.NewWarningHeader(299, "-", text); err == nil {
			h.Add("Warning", header)
		}
	}
}

func acceptsGzip(r *http.Request) bool {
	for _, value := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(value), ";")
		if name == "gzip" {
			return true
		}
	}
	return false
}
