package http2

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
)

// stream is one request and its answer. All of it is guarded by conn.mu.
type stream struct {
	conn   *conn
	id     uint32
	cancel context.CancelFunc // ends the request's context
	err    error              // why nothing can be sent or received any more; nil: something can

	window  int64     // how much more data the client takes
	room    signal    // there may be window or room in the output
	queued  bool      // it is in the output's waiting
	writeBy time.Time // when waiting for room ends; zero: never

	body    body
	arrived signal    // there may be more of the body
	readBy  time.Time // when waiting for it ends; zero: never
}

// signal tells the one goroutine that waits for it to look again. The zero signal
// is nobody's yet.
type signal chan struct{}

func (s signal) send() {
	select {
	case s <- struct{}{}:
	default: // nobody waits, or it has been told already
	}
}

// headers begins a stream, or ends the body of one.
func (c *conn) headers(f *http2.MetaHeadersFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	if s := c.streams[f.StreamID]; s != nil {
		return s.trailers(f)
	}
	switch {
	case f.StreamID%2 == 0:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case f.StreamID <= c.newest && f.StreamEnded() && len(f.PseudoFields()) == 0: // of a body that was not wanted
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	case f.StreamID <= c.newest:
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	case len(c.pending) > outputLimit:
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.newest = f.StreamID
	if len(c.streams) >= c.limits.MaxStreams || c.running >= 2*c.limits.MaxStreams {
		return c.refuseStream(f.StreamID)
	}
	c.refused = 0
	s := &stream{conn: c, id: f.StreamID, window: c.streamWindow}
	request, err := s.request(f)
	if err != nil {
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeProtocol, Cause: err}
	}
	ctx, cancel := context.WithCancel(c.base)
	s.cancel = cancel
	c.streams[s.id] = s
	c.running++
	c.handlers.Add(1)
	go s.run(request.WithContext(ctx), f.Truncated)
	return nil
}

// refuseStream has the client try again, until it has been told so often enough.
func (c *conn) refuseStream(id uint32) error {
	if c.refused++; c.refused > c.limits.MaxStreams {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	return http2.StreamError{StreamID: id, Code: http2.ErrCodeRefusedStream}
}

// trailers end a body; what they say is not used.
func (s *stream) trailers(f *http2.MetaHeadersFrame) error {
	switch {
	case s.body.ended:
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeStreamClosed}
	case !f.StreamEnded() || len(f.PseudoFields()) > 0:
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeProtocol}
	}
	return s.endBody()
}

// run serves the request in a goroutine of its own.
func (s *stream) run(r *http.Request, truncated bool) {
	c := s.conn
	defer c.handlers.Done()
	w := &response{stream: s, head: r.Method == http.MethodHead, header: http.Header{}}
	func() {
		defer c.protect(s)
		if truncated {
			w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
		} else {
			c.handler.ServeHTTP(w, r)
		}
		w.finish()
	}()
	s.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	w.release()
	c.running--
	s.close()
	c.closeIfDone()
	c.flush(false)
}

// close forgets a stream whose answer is complete.
func (s *stream) close() {
	c := s.conn
	if c.streams[s.id] != s {
		return
	}
	if !s.body.ended && s.err == nil {
		// The rest of the body is not wanted.
		_ = c.framer.WriteRSTStream(s.id, http2.ErrCodeNo)
	}
	s.abort(errStreamClosed)
}

var errStreamClosed = errors.New("http2: the stream is closed")

// abort ends both directions: what waits for them returns why, and what of the
// body nobody will read makes room for others.
func (s *stream) abort(why error) {
	c := s.conn
	if s.err == nil {
		s.err = why
	}
	s.cancel()
	s.drop()
	s.arrived.send()
	s.room.send()
	delete(c.streams, s.id)
	if len(c.streams) == 0 {
		c.since = time.Now()
	}
}

// cancelWith resets the stream for a reason on our side.
func (s *stream) cancelWith(code http2.ErrCode) {
	c := s.conn
	if c.streams[s.id] != s {
		return
	}
	_ = c.framer.WriteRSTStream(s.id, code)
	s.abort(http2.StreamError{StreamID: s.id, Code: code})
	c.flushBeside()
}

// wait returns after the signal, with mu free meanwhile; false when it is late.
func (s *stream) wait(what *signal, by time.Time) bool {
	if *what == nil {
		*what = make(signal, 1)
	}
	woken := *what
	s.conn.mu.Unlock()
	defer s.conn.mu.Lock()
	var late <-chan time.Time
	if !by.IsZero() {
		timer := time.NewTimer(time.Until(by))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-woken:
		return true
	case <-late:
		return false
	}
}

// request makes the request that the headers describe.
//
// https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
func (s *stream) request(f *http2.MetaHeadersFrame) (*http.Request, error) {
	r := &http.Request{Proto: "HTTP/2.0", ProtoMajor: 2, RemoteAddr: s.conn.remote, TLS: s.conn.tls, Body: http.NoBody}
	var path, scheme string
	for _, field := range f.PseudoFields() {
		switch field.Name {
		case ":method":
			r.Method = field.Value
		case ":path":
			path = field.Value
		case ":scheme":
			scheme = field.Value
		case ":authority":
			r.Host = field.Value
		default:
			return nil, errors.New("unknown pseudo header " + field.Name)
		}
	}
	if err := readFields(r, f); err != nil {
		return nil, err
	}
	if r.Host == "" {
		r.Host = r.Header.Get("Host")
	}
	delete(r.Header, "Host")
	if !httpguts.ValidHostHeader(r.Host) {
		return nil, errors.New("malformed authority")
	}
	if err := setURL(r, path, scheme); err != nil {
		return nil, err
	}
	return r, s.setBody(r, f)
}

func setURL(r *http.Request, path, scheme string) (err error) {
	if r.Method == http.MethodConnect {
		if path != "" || scheme != "" || r.Host == "" {
			return errors.New("CONNECT takes an authority and nothing else")
		}
		r.URL, r.RequestURI = &url.URL{Host: r.Host}, r.Host
		return nil
	}
	if r.Method == "" || path == "" || scheme != "https" && scheme != "http" {
		return errors.New("a request needs a method, a path and a scheme")
	}
	r.RequestURI = path
	r.URL, err = url.ParseRequestURI(path)
	return err
}

// readFields fills r.Header.
func readFields(r *http.Request, f *http2.MetaHeadersFrame) error {
	fields := f.RegularFields()
	r.Header = make(http.Header, len(fields))
	values := make([]string, len(fields)) // one allocation for all: few names come twice
	for i, field := range fields {
		if ofConnection(field.Name) {
			return errors.New("a header of HTTP/1 connections")
		}
		if field.Name == "te" && field.Value != "trailers" {
			return errors.New("te is trailers or nothing")
		}
		name := http.CanonicalHeaderKey(field.Name)
		if before := r.Header[name]; before != nil {
			r.Header[name] = append(before, field.Value)
			continue
		}
		values[i] = field.Value
		r.Header[name] = values[i : i+1 : i+1]
	}
	if cookies := r.Header["Cookie"]; len(cookies) > 1 {
		r.Header["Cookie"] = []string{strings.Join(cookies, "; ")}
	}
	return nil
}

// setBody says how long the body is, -1 for not known.
func (s *stream) setBody(r *http.Request, f *http2.MetaHeadersFrame) error {
	s.body.ended = f.StreamEnded()
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		r.Header.Del("Expect")
		s.body.expected = true
	}
	r.ContentLength = -1
	if lengths := r.Header["Content-Length"]; len(lengths) > 0 {
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil || len(lengths) > 1 {
			return errors.New("malformed content-length")
		}
		r.ContentLength = int64(n)
	}
	if s.body.ended {
		if r.ContentLength > 0 {
			return errors.New("content-length without a body")
		}
		r.ContentLength = 0
		return nil
	}
	s.body.left = r.ContentLength
	r.Body = requestBody{s}
	return nil
}
