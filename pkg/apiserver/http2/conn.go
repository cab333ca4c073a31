package http2

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// connWindow is how much of all bodies of a connection may be here unread,
	// streamWindow how much of one.
	connWindow, streamWindow = 1 << 20, 256 << 10
	// lastStream is the highest number that a stream can have.
	lastStream = 1<<31 - 1
	// farewell is how long a client may take to hang up after us.
	farewell = time.Second
	// tableSize is how much of the headers seen before hpack may remember.
	tableSize = 4096
)

// conn is one connection.
type conn struct {
	socket  *tls.Conn
	handler http.Handler
	limits  Options
	idle    time.Duration // how long it may have no stream; 0 is for ever
	hello   time.Duration // how long the client may take to say that it speaks HTTP/2
	log     *log.Logger
	remote  string
	tls     *tls.ConnectionState
	base    context.Context // of every request; ends with the connection
	cancel  context.CancelFunc

	framer   *http2.Framer  // reads in the read loop; writes to output, under mu
	handlers sync.WaitGroup // and who writes beside them

	mu      sync.Mutex
	streams map[uint32]*stream // that are not closed on both sides
	newest  uint32             // the highest stream that the client has opened
	running int                // handlers, those of streams that were reset included
	refused int                // streams in a row for which there was no room
	leaving bool               // a GOAWAY has gone out: it closes with its last stream
	closed  bool               // nothing is sent or served any more
	taken   int64              // how much of connWindow the client has used up
	owed    int64              // of that, what can be given back
	since   time.Time          // when the last stream ended
	timer   *time.Timer        // looks whether the connection is idle; nil: nobody does
	output                     // what goes out
}

func newConn(base context.Context, server *http.Server, socket *tls.Conn, handler http.Handler, limits Options) *conn {
	c := &conn{
		socket: socket, handler: handler, limits: limits, log: server.ErrorLog, idle: server.IdleTimeout, hello: server.ReadHeaderTimeout,
		remote: socket.RemoteAddr().String(), streams: map[uint32]*stream{}, since: time.Now(),
		output: output{window: initialWindow, streamWindow: initialWindow},
	}
	if c.log == nil {
		c.log = log.Default()
	}
	state := socket.ConnectionState()
	c.tls = &state
	c.base, c.cancel = context.WithCancel(base)
	c.encoder = hpack.NewEncoder(&c.encoded)
	c.framer = http2.NewFramer(&c.output, socket)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(frameSize)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(tableSize, nil)
	if server.MaxHeaderBytes > 0 {
		c.framer.MaxHeaderListSize = uint32(server.MaxHeaderBytes)
	}
	return c
}

// serve reads what the client sends until one of both ends the connection.
func (c *conn) serve() {
	defer c.handlers.Wait()
	defer c.cancel()
	err := c.greet()
	for err == nil {
		err = c.step()
	}
	c.end(err)
}

// greet exchanges the prefaces of both sides.
func (c *conn) greet() error {
	c.mu.Lock()
	settings := []http2.Setting{
		{ID: http2.SettingMaxConcurrentStreams, Val: uint32(c.limits.MaxStreams)},
		{ID: http2.SettingInitialWindowSize, Val: streamWindow},
	}
	if limit := c.framer.MaxHeaderListSize; limit > 0 {
		settings = append(settings, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: limit})
	}
	err := errors.Join(c.framer.WriteSettings(settings...), c.framer.WriteWindowUpdate(0, connWindow-initialWindow))
	c.flush(false)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err := c.socket.SetReadDeadline(deadline(c.hello)); err != nil {
		return err
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.socket, preface); err != nil {
		return err
	}
	if !bytes.Equal(preface, []byte(http2.ClientPreface)) {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	first, ok := frame.(*http2.SettingsFrame)
	if !ok || first.IsAck() {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if err := c.socket.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.watchIdle()
	return c.handle(first)
}

// step reads one frame and does what it says. An error ends the connection.
func (c *conn) step() error {
	frame, err := c.framer.ReadFrame()
	if err == nil {
		err = c.handle(frame)
	}
	var of http2.StreamError
	if errors.As(err, &of) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.refuse(of)
	}
	return err
}

// refuse resets a stream that may not even have begun.
func (c *conn) refuse(err http2.StreamError) error {
	if c.closed {
		return nil
	}
	if s := c.streams[err.StreamID]; s != nil {
		s.abort(err)
	}
	c.newest = max(c.newest, err.StreamID)
	return c.control(c.framer.WriteRSTStream(err.StreamID, err.Code))
}

func (c *conn) handle(frame http2.Frame) error {
	if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
		return c.headers(headers)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	switch f := frame.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.RSTStreamFrame:
		return c.reset(f)
	case *http2.WindowUpdateFrame:
		return c.widen(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		if f.IsAck() {
			return nil
		}
		return c.control(c.framer.WritePing(true, f.Data))
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // GOAWAY: it will close when it is done; PRIORITY; what is not known
}

// control sends what has been added for the peer's sake. A peer that makes us add
// more than it reads is cut off.
func (c *conn) control(err error) error {
	if err != nil {
		return err
	}
	if len(c.pending) > outputLimit {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	// The read loop must go on reading while somebody writes, so it does not write itself.
	c.flushBeside()
	return nil
}

func (c *conn) reset(f *http2.RSTStreamFrame) error {
	if f.StreamID > c.newest {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if s := c.streams[f.StreamID]; s != nil {
		s.abort(http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode})
	}
	return nil
}

func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingHeaderTableSize:
			c.encoder.SetMaxDynamicTableSize(min(s.Val, tableSize))
		case http2.SettingInitialWindowSize:
			return c.resize(int64(s.Val))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.control(c.framer.WriteSettingsAck())
}

// resize changes the windows of all streams, those under way included.
func (c *conn) resize(window int64) error {
	by := window - c.streamWindow
	c.streamWindow = window
	for _, s := range c.streams {
		if s.window += by; s.window > lastStream {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	}
	c.wakeAll()
	return nil
}

// widen lets more be sent.
func (c *conn) widen(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > lastStream {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		c.wakeAll()
		return nil
	}
	if f.StreamID > c.newest {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	s := c.streams[f.StreamID]
	if s == nil {
		return nil
	}
	if s.window += int64(f.Increment); s.window > lastStream {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	s.room.send()
	return nil
}

// leave tells the client to open no more streams here, and closes the connection
// with the last of those that it has.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.announce()
	c.flush(false)
	c.closeIfDone()
}

// announce adds that the connection is leaving.
func (c *conn) announce() {
	if c.leaving || c.closed {
		return
	}
	c.leaving = true
	// Requests may be on their way: their number is said when all are served.
	_ = c.framer.WriteGoAway(lastStream, http2.ErrCodeNo, nil)
}

// closeIfDone closes a connection that is leaving and has nothing more to do.
func (c *conn) closeIfDone() {
	if c.leaving && len(c.streams) == 0 {
		c.close(http2.ErrCodeNo)
	}
}

// end closes the connection for what its read loop ended with.
func (c *conn) end(err error) {
	defer c.socket.Close()
	if errors.Is(err, http2.ErrFrameTooLarge) {
		err = http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	var of http2.ConnectionError
	if !errors.As(err, &of) { // the client is gone
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stop()
		return
	}
	c.log.Printf("http2: %s: %v", c.remote, err)
	c.mu.Lock()
	c.close(http2.ErrCode(of))
	c.mu.Unlock()
	if c.socket.SetReadDeadline(time.Now().Add(farewell)) == nil {
		_, _ = io.Copy(io.Discard, c.socket)
	}
}

// close says why, and hangs up when everything that waits is sent.
func (c *conn) close(code http2.ErrCode) {
	if c.closed {
		return
	}
	_ = c.framer.WriteGoAway(c.newest, code, nil)
	c.stop()
	c.flush(false)
}

// hangUp tells the client that nothing more comes. Its last words are still read: of a
// socket that is closed before, what is on its way to the client is lost (TCP resets).
func (c *conn) hangUp() {
	_ = c.socket.CloseWrite()
	if below, ok := c.socket.NetConn().(*net.TCPConn); ok {
		_ = below.CloseWrite()
	}
	_ = c.socket.SetReadDeadline(time.Now().Add(farewell))
}

// stop ends all streams. Whoever writes last hangs up.
func (c *conn) stop() {
	if c.closed {
		return
	}
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cancel()
	for _, s := range c.streams {
		s.abort(errClosed)
	}
}

// watchIdle closes the connection when it has had no stream for too long.
func (c *conn) watchIdle() {
	if c.idle <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer = time.AfterFunc(c.idle, c.checkIdle)
}

func (c *conn) checkIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	left := c.idle
	if len(c.streams) == 0 {
		if left = c.idle - time.Since(c.since); left <= 0 {
			c.close(http2.ErrCodeNo)
			return
		}
	}
	c.timer.Reset(left)
}

// protect ends a request whose handler panics as http.Server does.
func (c *conn) protect(s *stream) {
	failure := recover()
	if failure == nil {
		return
	}
	if failure != http.ErrAbortHandler {
		c.log.Printf("http2: panic serving %s: %v\n%s", c.remote, failure, debug.Stack())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.cancelWith(http2.ErrCodeInternal)
}
