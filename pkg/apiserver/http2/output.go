package http2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// initialWindow is what may be sent before the other side says more.
	initialWindow = 65535
	// frameSize is the most that a frame holds: what every client must take.
	frameSize = 16 << 10
	// frameHeader is the length of a frame's header.
	frameHeader = 9
	// batch is how much is collected before it is sent without being asked to, and
	// while others write how much a stream may add before it has to wait for them.
	batch = 64 << 10
	// tryLimit is how much may wait when a stream adds more that must not wait itself.
	tryLimit = 4 * batch
	// outputLimit is how much may wait for a peer that does not read.
	outputLimit = 1 << 20
)

var errClosed = errors.New("http2: the connection is closed")

// output is what a connection sends. All of it is guarded by conn.mu.
type output struct {
	pending []byte // whole frames that wait to be written
	last    int    // where in pending the newest DATA frame begins, if lastOf is not 0
	lastOf  uint32 // the stream of that frame, which may be made longer; 0: there is none
	writing bool   // somebody writes; he takes what is added meanwhile

	window       int64     // how much more data the client takes on all streams
	streamWindow int64     // and at first on a new one
	waiting      []*stream // for window or room

	encoder *hpack.Encoder // of the headers, in the order in which they are sent
	encoded bytes.Buffer   // the encoder's
}

// outputs holds buffers between flushes: most connections are idle most of the time.
var outputs = sync.Pool{New: func() any { return new(make([]byte, 0, frameSize/4)) }}

// Write adds a frame that is not DATA.
func (o *output) Write(frame []byte) (int, error) {
	o.grow()
	o.pending = append(o.pending, frame...)
	o.lastOf = 0
	return len(frame), nil
}

func (o *output) grow() {
	if o.pending == nil {
		o.pending = (*outputs.Get().(*[]byte))[:0]
	}
}

// recycle gives back a buffer that has been written.
func recycle(buffer []byte) {
	if cap(buffer) <= 2*batch {
		outputs.Put(&buffer)
	}
}

// addData adds as much of p as one DATA frame holds, to the last frame if that is
// the stream's.
func (o *output) addData(id uint32, p []byte) (n int) {
	o.grow()
	if o.lastOf != id || len(o.pending)-o.last-frameHeader == frameSize {
		o.last, o.lastOf = len(o.pending), id
		o.pending = append(o.pending, 0, 0, 0, byte(http2.FrameData), 0)
		o.pending = binary.BigEndian.AppendUint32(o.pending, id)
	}
	n = min(len(p), frameSize-(len(o.pending)-o.last-frameHeader))
	o.pending = append(o.pending, p[:n]...)
	length := len(o.pending) - o.last - frameHeader
	header := o.pending[o.last:]
	header[0], header[1], header[2] = byte(length>>16), byte(length>>8), byte(length)
	return n
}

// endData marks the stream's last DATA frame as such.
func (o *output) endData(id uint32) {
	if o.lastOf != id {
		o.addData(id, nil)
	}
	o.pending[o.last+4] |= byte(http2.FlagDataEndStream)
	o.lastOf = 0
}

// flush writes what waits, unless somebody does already; mu is free meanwhile. With
// yield it lets those run first that are about to add more.
func (c *conn) flush(yield bool) {
	if c.writing || len(c.pending) == 0 {
		return
	}
	c.writing = true
	c.writePending(yield)
	if len(c.pending) == 0 || c.closed {
		c.drain(false)
		return
	}
	// Others write much: that must not keep the caller from its own work.
	c.drainBeside()
}

// flushBeside is flush for those who must not wait for it.
func (c *conn) flushBeside() {
	if c.writing || len(c.pending) == 0 {
		return
	}
	c.writing = true
	c.drainBeside()
}

func (c *conn) drainBeside() {
	c.handlers.Go(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drain(true)
	})
}

// drain is the writer's work.
func (c *conn) drain(yield bool) {
	for len(c.pending) > 0 {
		c.writePending(yield)
	}
	if c.closed {
		c.mu.Unlock()
		c.hangUp()
		c.mu.Lock()
	}
	c.writing = false
}

func (c *conn) writePending(yield bool) {
	if yield {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	pending := c.pending
	c.pending, c.lastOf = nil, 0
	c.wakeAll()
	c.mu.Unlock()
	err := c.write(pending)
	recycle(pending)
	if err != nil {
		c.socket.NetConn().Close() // there is no use in a goodbye
	}
	c.mu.Lock()
	if err != nil {
		c.pending, c.lastOf = nil, 0
		c.stop()
	}
}

func (c *conn) write(p []byte) error {
	if err := c.socket.SetWriteDeadline(deadline(c.limits.WritePatience)); err != nil {
		return err
	}
	_, err := c.socket.Write(p)
	return err
}

// wakeAll has all that wait look again.
func (o *output) wakeAll() {
	for _, s := range o.waiting {
		s.queued = false
		s.room.send()
	}
	clear(o.waiting)
	o.waiting = o.waiting[:0]
}

// send adds p to what the stream sends, and waits where windows or room are used up.
func (s *stream) send(p []byte) error {
	c := s.conn
	for len(p) > 0 {
		if s.err != nil {
			return s.err
		}
		allowed := min(s.window, c.window, int64(len(p)))
		if allowed <= 0 || len(c.pending) >= batch {
			if err := s.waitToSend(); err != nil {
				return err
			}
			continue
		}
		n := c.addData(s.id, p[:allowed])
		s.window -= int64(n)
		c.window -= int64(n)
		p = p[n:]
	}
	return s.err
}

// trySend sends p if that needs no waiting, else nothing.
func (s *stream) trySend(p []byte) bool {
	c, size := s.conn, int64(len(p))
	if s.err != nil || s.window < size || c.window < size || len(c.pending) > tryLimit {
		return false
	}
	s.window -= size
	c.window -= size
	for len(p) > 0 {
		p = p[c.addData(s.id, p):]
	}
	c.flushBeside()
	return true
}

// waitForRoom waits as long as too much waits to be sent.
func (s *stream) waitForRoom() error {
	for s.err == nil && len(s.conn.pending) >= batch {
		if err := s.waitToSend(); err != nil {
			return err
		}
	}
	return s.err
}

// waitToSend returns when there may be window and room.
func (s *stream) waitToSend() error {
	if c := s.conn; !c.writing && len(c.pending) > 0 {
		c.flush(false) // the client gives no window for what it has not seen
		return nil
	}
	if !s.queued {
		s.queued = true
		s.conn.waiting = append(s.conn.waiting, s)
	}
	if !s.wait(&s.room, s.writeBy) {
		s.cancelWith(http2.ErrCodeCancel)
		return os.ErrDeadlineExceeded
	}
	return nil
}
