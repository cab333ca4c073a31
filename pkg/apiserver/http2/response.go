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
)

// held is how long a body may get before its answer begins without Content-Length.
const held = 4 << 10

// sniffed is how much of a body its type can depend on.
const sniffed = 512

// response is a handler's way to answer. As ever it is used by one goroutine at a
// time. It is a Flusher, and takes deadlines from a ResponseController: a read or
// write of the body that has to wait past one fails, and of a write that is late the
// stream is reset.
type response struct {
	stream *stream
	head   bool // no body is sent
	header http.Header

	status  int         // 0: not known yet
	fields  http.Header // header as it was when the status came; nil once it is sent
	trails  []string    // what of it announces trailers
	begun   bool        // the headers are in the output
	length  int64       // what Content-Length says; -1: nothing
	written int64       // by the handler
	body    []byte      // held back
}

var bodies = sync.Pool{New: func() any { return new([held]byte) }}

func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *response) WriteHeader(status int) {
	if w.status != 0 {
		w.stream.conn.log.Printf("http2: superfluous WriteHeader(%d) after %d", status, w.status)
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
	fields := w.header
	if _, given := fields["Content-Length"]; given {
		fields = fields.Clone()
		fields.Del("Content-Length") // it is of the body
	}
	c := w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = w.stream.inform(status, fields) // what follows fails as well
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
	if w.length >= 0 && w.written+int64(len(p)) > w.length {
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
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
	if err := w.begin(p, false); err != nil {
		return 0, err
	}
	if err := w.send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send sends of the body what is sent of one.
func (w *response) send(p []byte) error {
	if w.head {
		return w.stream.err
	}
	return w.stream.send(p)
}

// begin adds the headers and what was held back, after which comes next. It needs mu,
// as all that follows.
func (w *response) begin(next []byte, end bool) error {
	s := w.stream
	if w.begun || s.err != nil {
		return s.err
	}
	if err := s.waitForRoom(); err != nil {
		return err
	}
	w.begun = true
	if err := s.conn.pack(w.status, w.complete(w.fields, next)); err != nil {
		return err
	}
	w.trails, w.fields = w.fields["Trailer"], nil
	if err := s.conn.addHeaders(s.id, end); err != nil {
		return err
	}
	return w.send(w.body)
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
	first := !w.begun
	err := w.begin(nil, false)
	w.release()
	if first && len(w.trails) == 0 && w.trailers() == nil {
		w.header = nil // it may be kept for long; what is still to be set are trailers
	}
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
	if w.length < 0 && !w.begun && !w.bodyless() && (w.written > 0 || !w.head) {
		w.fields.Set("Content-Length", strconv.FormatInt(w.written, 10))
	}
	c, s := w.stream.conn, w.stream
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.written < w.length && !w.bodyless() && !w.head {
		s.cancelWith(http2.ErrCodeInternal) // or the client takes what it has for all
		return
	}
	trailers := w.trailers()
	empty := (len(w.body) == 0 || w.head) && len(trailers) == 0
	ended := !w.begun && empty
	if w.begin(nil, ended) != nil || ended {
		return
	}
	if len(trailers) == 0 {
		c.endData(s.id)
	} else if s.waitForRoom() == nil && s.conn.packFields(trailers) == nil {
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
	for _, announced := range append(w.trails, w.fields["Trailer"]...) {
		for name := range strings.SplitSeq(announced, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values := w.header[name]; values != nil && httpguts.ValidTrailerHeader(name) {
				add(name, values)
			}
		}
	}
	return trailers
}

// complete adds what every answer has that begins with what is held back and next.
func (w *response) complete(fields http.Header, next []byte) http.Header {
	if _, given := fields["Date"]; !given {
		fields["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	}
	if _, given := fields["Content-Type"]; !given && fields.Get("Content-Encoding") == "" && len(w.body)+len(next) > 0 {
		sample := w.body
		if len(sample) < sniffed {
			sample = slices.Concat(w.body, next[:min(len(next), sniffed)])
		}
		fields["Content-Type"] = []string{http.DetectContentType(sample)}
	}
	if strings.EqualFold(fields.Get("Connection"), "close") {
		w.stream.conn.announce()
	}
	return fields
}

// EnableFullDuplex is for a ResponseController: here a body can always be read
// after the answer has begun.
func (w *response) EnableFullDuplex() error { return nil }

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
	w.stream.arrived.send()
	w.stream.room.send()
	return nil
}
