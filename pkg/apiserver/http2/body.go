package http2

import (
	"io"
	"net/http"
	"os"

	"golang.org/x/net/http2"
)

// body is what a stream has received and its handler has not read. It is guarded
// by conn.mu.
type body struct {
	data     []byte // not read yet
	taken    int64  // how much of streamWindow the client has used up
	owed     int64  // of that, what can be given back
	left     int64  // how much Content-Length says is still to come; -1: it says nothing
	ended    bool   // nothing more will come
	closed   bool   // the handler reads no more
	expected bool   // the client waits to be told that it may send
}

// data takes in a DATA frame.
func (c *conn) data(f *http2.DataFrame) error {
	size := int64(f.Length) // with its padding
	if c.taken += size; c.taken > connWindow {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	s := c.streams[f.StreamID]
	if s == nil && f.StreamID > c.newest {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	data := f.Data()
	if code := s.refuses(size, data); code != http2.ErrCodeNo {
		c.giveBack(size)
		return http2.StreamError{StreamID: f.StreamID, Code: code}
	}
	b := &s.body
	b.taken += size
	if b.left >= 0 {
		b.left -= int64(len(data))
	}
	if !b.closed {
		b.data = append(b.data, data...)
		size -= int64(len(data))
	}
	s.giveBack(size)
	if f.StreamEnded() {
		return s.endBody()
	}
	s.arrived.send()
	return nil
}

// refuses says what is wrong with data for the stream, which may be nil.
func (s *stream) refuses(size int64, data []byte) http2.ErrCode {
	switch {
	case s == nil || s.body.ended:
		return http2.ErrCodeStreamClosed
	case s.body.taken+size > streamWindow:
		return http2.ErrCodeFlowControl
	case s.body.left >= 0 && int64(len(data)) > s.body.left:
		return http2.ErrCodeProtocol
	}
	return http2.ErrCodeNo
}

// endBody notes that all of the body is here.
func (s *stream) endBody() error {
	if s.body.left > 0 {
		return http2.StreamError{StreamID: s.id, Code: http2.ErrCodeProtocol}
	}
	s.body.ended = true
	s.arrived.send()
	return nil
}

// giveBack lets the client send n more on the connection. It is told when that is
// worth a frame.
func (c *conn) giveBack(n int64) {
	if c.owed += n; c.owed < connWindow/2 || c.closed {
		return
	}
	_ = c.framer.WriteWindowUpdate(0, uint32(c.owed)) // fails for numbers out of range only
	c.taken, c.owed = c.taken-c.owed, 0
	c.flushBeside()
}

// giveBack lets the client send n more on the stream, too.
func (s *stream) giveBack(n int64) {
	c, b := s.conn, &s.body
	c.giveBack(n)
	if b.owed += n; b.owed < streamWindow/2 || b.ended || s.err != nil {
		return
	}
	_ = c.framer.WriteWindowUpdate(s.id, uint32(b.owed))
	b.taken, b.owed = b.taken-b.owed, 0
	c.flushBeside()
}

// drop forgets what of the body has not been read.
func (s *stream) drop() {
	n := len(s.body.data)
	s.body.data = nil
	s.giveBack(int64(n))
}

// requestBody is the handler's end of a body.
type requestBody struct{ stream *stream }

// Read waits for data until the handler's read deadline.
func (b requestBody) Read(into []byte) (int, error) {
	s := b.stream
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.body.expected {
		s.body.expected = false
		if err := s.inform(http.StatusContinue, nil); err != nil {
			return 0, err
		}
	}
	for len(s.body.data) == 0 {
		switch {
		case s.body.closed:
			return 0, http.ErrBodyReadAfterClose
		case s.body.ended && s.err == nil:
			return 0, io.EOF
		case s.err != nil:
			return 0, s.err
		case len(into) == 0:
			return 0, nil
		case !s.wait(&s.arrived, s.readBy):
			return 0, os.ErrDeadlineExceeded
		}
	}
	n := copy(into, s.body.data)
	if s.body.data = s.body.data[n:]; len(s.body.data) == 0 {
		s.body.data = nil
	}
	s.giveBack(int64(n))
	return n, nil
}

// Close has what comes thrown away.
func (b requestBody) Close() error {
	s := b.stream
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.body.closed = true
	s.drop()
	s.arrived.send()
	return nil
}
