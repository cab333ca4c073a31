package http2

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// held is how long a body may get before its answer begins without Content-Length.
const held = 4 << 10

// response is a handler's way to answer. As ever it is used by one goroutine at a
// time. It is a Flusher, and takes deadlines from a ResponseController: a read or
// write of the body that has to wait past one fails, and of a write that is late the
// stream is reset.
type response struct {
	stream  *stream
	request *http.Request
	header  http.Header

	status  int         // 0: not known yet
	fields  http.Header // header as it was when the status came
	begun   bool        // the headers are in the output
	length  int64       // what Content-Length says; -1: nothing
	written int64       // by the handler
	body    []byte      // held back
}

var bodies = sync.Pool{New: func() any { return new([held]byte) }}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		w.stream.conn.log.Printf("http2: superfluous WriteHeader(%d) after %d for %s", status, w.status, w.request.URL.Path)
		return
	}
	if status < 100 || status > 999 {
		panic("http2: invalid status " + strconv.Itoa(status))
	}
	if status < 200 {
		w.inform(status)
		return
	}
	w.status, w.fields, w.length = status, w.header.Clone(), -1
	if given := w.fields.Get("Content-Length"); given != "" {
		n, err := strconv.ParseInt(given, 10, 64)
		if err != nil || n < 0 {
			w.fields.Del("Content-Length")
			return
		}
		w.length = n
	}
}

// inform sends an answer before the answer.
func (w *response) inform(status int) {
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.stream.err == nil && w.pack(status, w.header) == nil && c.addHeaders(w.stream.id, false) == nil {
		c.flush(false)
	}
}

// bodyless: whatever the handler writes is not sent.
func (w *response) bodyless() bool {
	return w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.bodyless() {
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.length >= 0 && w.written > w.length {
		return 0, http.ErrContentLength
	}
	if w.request.Method == http.MethodHead {
		return len(p), nil
	}
	if !w.begun && w.length < 0 {
		if w.body == nil {
			w.body = bodies.Get().(*[held]byte)[:0]
		}
		if len(w.body)+len(p) <= held {
			w.body = append(w.body, p...)
			return len(p), nil
		}
	}
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := w.begin(false); err != nil {
		return 0, err
	}
	if err := w.stream.send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// begin adds the headers and what was held back. It needs mu, as all that follows.
func (w *response) begin(end bool) error {
	s := w.stream
	if w.begun || s.err != nil {
		return s.err
	}
	w.begun = true
	if err := w.pack(w.status, w.complete(w.fields)); err != nil {
		return err
	}
	if err := s.conn.addHeaders(s.id, end); err != nil {
		return err
	}
	return s.send(w.body)
}

// release gives the buffer back.
func (w *response) release() {
	if w.body != nil {
		bodies.Put((*[held]byte)(w.body[:held]))
		w.body = nil
	}
}

func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what has been written. It lets other streams of the connection
// that are about to flush add theirs first.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	err := w.begin(false)
	w.release()
	if err == nil {
		c.flush(true)
	}
	return err
}

// TryWrite writes and flushes p if that needs no waiting, and says whether it has. It
// is for goroutines that serve many, and for answers that have begun.
func (w *response) TryWrite(p []byte) bool {
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.begun && w.stream.trySend(p)
}

// finish ends the answer when the handler has returned.
func (w *response) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.length < 0 && !w.begun && !w.bodyless() && (w.written > 0 || w.request.Method != http.MethodHead) {
		w.fields.Set("Content-Length", strconv.FormatInt(w.written, 10))
	}
	c, s := w.stream.conn, w.stream
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.written < w.length && !w.bodyless() && w.request.Method != http.MethodHead {
		s.cancelWith(http2.ErrCodeInternal) // or the client takes what it has for all
		return
	}
	trailers := w.trailers()
	empty := len(w.body) == 0 && len(trailers) == 0
	ended := !w.begun && empty
	if w.begin(ended) != nil || ended {
		return
	}
	if len(trailers) == 0 {
		c.endData(s.id)
	} else if w.packFields(trailers) == nil {
		_ = c.addHeaders(s.id, true)
	}
}

// trailers are the fields that the handler has announced, or marked as such.
func (w *response) trailers() http.Header {
	var trailers http.Header
	add := func(name string, values []string) {
		if trailers == nil {
			trailers = http.Header{}
		}
		trailers[name] = values
	}
	for name, values := range w.header {
		if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(trailer, values)
		}
	}
	for _, announced := range w.fields["Trailer"] {
		for name := range strings.SplitSeq(announced, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values := w.header[name]; values != nil && httpguts.ValidTrailerHeader(name) {
				add(name, values)
			}
		}
	}
	return trailers
}

// complete adds what every answer has.
func (w *response) complete(fields http.Header) http.Header {
	if _, given := fields["Date"]; !given {
		fields["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	}
	if _, given := fields["Content-Type"]; !given && len(w.body) > 0 {
		fields["Content-Type"] = []string{http.DetectContentType(w.body)}
	}
	if strings.EqualFold(fields.Get("Connection"), "close") {
		go w.stream.conn.leave()
	}
	return fields
}

// pack encodes the headers of an answer.
func (w *response) pack(status int, fields http.Header) error {
	if err := w.stream.conn.encoder.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)}); err != nil {
		return err
	}
	return w.packFields(fields)
}

func (w *response) packFields(fields http.Header) error {
	names := make([]string, 0, 16)
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lower := lowerName(name)
		if !httpguts.ValidHeaderFieldName(lower) || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		switch lower {
		case "connection", "proxy-connection", "transfer-encoding", "upgrade", "keep-alive":
			continue // they are of HTTP/1
		}
		for _, value := range fields[name] {
			if !httpguts.ValidHeaderFieldValue(value) {
				continue
			}
			if err := w.stream.conn.encoder.WriteField(hpack.HeaderField{Name: lower, Value: value}); err != nil {
				return err
			}
		}
	}
	return nil
}

// lowerNames are those of nearly every answer.
var lowerNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{"Audit-Id", "Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Vary",
		"Warning", "X-Content-Type-Options", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid"} {
		names[name] = strings.ToLower(name)
	}
	return names
}()

func lowerName(name string) string {
	if lower, ok := lowerNames[name]; ok {
		return lower
	}
	return strings.ToLower(name)
}

// SetReadDeadline is for a ResponseController.
func (w *response) SetReadDeadline(by time.Time) error {
	return w.set(&w.stream.readBy, by)
}

// SetWriteDeadline is for a ResponseController.
func (w *response) SetWriteDeadline(by time.Time) error {
	return w.set(&w.stream.writeBy, by)
}

func (w *response) set(deadline *time.Time, by time.Time) error {
	w.stream.conn.mu.Lock()
	defer w.stream.conn.mu.Unlock()
	*deadline = by
	return nil
}
